/**
 * Makes, gives and uses invite codes.
 * Whether sign-up needs one is the operator's word (PDS_INVITE_REQUIRED); a code that is offered counts even when none is needed.
 * Not here: HTTP. Source: behaviour of the reference PDS; form of a code: host name with hyphens for dots, then xxxxx-xxxxx.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import { randomCode } from '../account/random-code.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import { operator, type InviteCode, type InviteStore } from './invite-store.ts';
import { countEarnedCodes } from './routine-codes.ts';

/** Most codes that one call makes. Ours. */
export const maxCodesAtOnce = 10_000;

/** The operator's rules. */
export interface InviteRules {
  readonly isRequired: boolean;
  /** How long an account is here for each code it earns; null earns none. */
  readonly intervalMs: number | null;
  readonly epochMs: number;
  /** What codes begin with. */
  readonly hostname: string;
}

/** Makes, gives and uses codes. */
export class Invites {
  readonly #store: InviteStore;
  readonly #accounts: AccountStore;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #rules: InviteRules;

  constructor(o: { invites: InviteStore; accounts: AccountStore; groups: GroupCommit; clock: Clock; rules: InviteRules }) {
    this.#store = o.invites;
    this.#accounts = o.accounts;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#rules = o.rules;
  }

  /** True when nobody can sign up without a code. */
  get areRequired(): boolean {
    return this.#rules.isRequired;
  }

  /** Checks that a code may be used now. @throws XrpcError 400 InvalidInviteCode */
  check(code: string | null): void {
    if (code === null) {
      if (this.#rules.isRequired) throw invalidRequest('No invite code provided', 'InvalidInviteCode');
      return;
    }
    const invite = this.#store.find(code);
    const giver = invite && this.#accounts.byDid(invite.forAccount);
    const isUsable = invite !== null && !invite.isDisabled && invite.used < invite.available && (giver?.takedownRef ?? null) === null;
    if (!isUsable) throw invalidRequest('Provided invite code not available', 'InvalidInviteCode');
  }

  /** Uses a code up by one, within the group that makes the account. @throws XrpcError 400 InvalidInviteCode */
  use(code: string | null, did: string): void {
    this.check(code);
    if (code !== null) this.#store.use(code, did, this.#clock.nowMs());
  }

  /** Makes codes in the operator's name, `count` for each account; `useCount` is how often each may be used. */
  async create(forAccounts: readonly string[], { count, useCount }: { count: number; useCount: number }): Promise<{ account: string; codes: string[] }[]> {
    if (count < 1 || useCount < 1) throw invalidRequest('codeCount and useCount must be at least 1');
    if (count * forAccounts.length > maxCodesAtOnce) throw invalidRequest(`too many codes at once: max=${maxCodesAtOnce}`);
    return this.#groups.write(() => forAccounts.map((account) => ({
      account,
      codes: this.#make(account, { count, available: useCount, createdBy: operator, isDisabled: false }),
    })));
  }

  /** Gives the codes for an account, and makes those it has earned first when asked. */
  async of(account: Account, { createAvailable }: { createAvailable: boolean }): Promise<InviteCode[]> {
    const { isRequired, intervalMs, epochMs } = this.#rules;
    if (!createAvailable || !isRequired || intervalMs === null) return this.#store.of(account.did);
    return this.#groups.write(() => {
      const codes = this.#store.of(account.did);
      const count = countEarnedCodes({ nowMs: this.#clock.nowMs(), accountCreatedAtMs: account.createdAtMs, intervalMs, epochMs, codes });
      if (count === 0) return codes;
      // Somebody who may not invite earns codes too, so that the count stays right; they are disabled at once.
      this.#make(account.did, { count, available: 1, createdBy: account.did, isDisabled: account.areInvitesDisabled });
      return this.#store.of(account.did);
    });
  }

  #make(forAccount: string, o: { count: number; available: number; createdBy: string; isDisabled: boolean }): string[] {
    return Array.from({ length: o.count }, () => {
      const code = `${this.#rules.hostname.replaceAll('.', '-')}-${randomCode([5, 5])}`;
      this.#store.add({ code, available: o.available, isDisabled: o.isDisabled, forAccount, createdBy: o.createdBy, createdAtMs: this.#clock.nowMs() });
      return code;
    });
  }
}
