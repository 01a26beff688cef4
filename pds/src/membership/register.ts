/**
 * Makes accounts: a person's first, with a new did:plc (or, where the operator wants it, a did:web written here), or one that moves in
 * with the DID it has.
 * Order: names judged and held → key and DID worked out → DID registered at the directory → everything here in one transaction.
 * If the transaction fails, or the process before it, the DID is ended again (`identity/identity-changes.ts`), so that nobody is left
 * with an identity that has no home.
 * An account that moves in begins deactivated, with an empty repository and without events, and takes the key reserved for it.
 * Source: order and events of the reference PDS (#identity, #account, #commit, #sync).
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { HostedDids } from '../identity/hosted-dids.ts';
import type { IdentityChanges } from '../identity/identity-changes.ts';
import type { PlcClient } from '../identity/plc-client.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { RepoWriter } from '../repo/write.ts';
import { commitEvent, syncEvent } from '../repo/events.ts';
import type { GroupCommit, WriteGroup } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import type { Invites } from '../invite/invites.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { PasswordCheck } from '../account/password-check.ts';
import type { ReservedKeys } from '../account/reserved-keys.ts';
import { newRefreshId, type SessionTokens } from '../account/session-token.ts';
import type { Sessions, TokenPair } from '../account/sessions.ts';

/** What a new account is to be; names were judged by `account/handle-rules.ts`, the rest by the caller. */
export interface WantedAccount {
  readonly handle: string;
  readonly email: string | null;
  readonly password: string | null;
  /** The person's own rotation key as did:key, or null. */
  readonly recoveryKey: string | null;
  /** DID that moves in, proved by the caller; null makes a new one. */
  readonly existingDid: string | null;
  /** True makes the handle the DID (did:web), whose document this server writes. */
  readonly isHosted?: boolean;
  /** The key it is to sign with; without one that which waits for the DID, or a new one. */
  readonly keypair?: Keypair;
  /** Null for none; whether one is needed is asked of `invite/`. */
  readonly inviteCode: string | null;
  /** Writes what else belongs to the account, in the transaction that makes it. */
  readonly alongside?: (accountId: number) => void;
}

/** An account that was made. */
export interface RegisteredAccount extends TokenPair {
  readonly did: string;
  readonly handle: string;
}

/** Makes accounts. */
export class Registrar {
  readonly #accounts: AccountStore;
  readonly #sessions: Sessions;
  readonly #tokens: SessionTokens;
  readonly #passwords: PasswordCheck;
  readonly #repos: RepoWriter;
  readonly #invites: Invites;
  readonly #reservedKeys: ReservedKeys;
  readonly #hosted: Pick<HostedDids, 'begin' | 'add'>;
  readonly #changes: IdentityChanges;
  readonly #plc: PlcClient;
  readonly #server: ServerIdentity;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #clock: Clock;
  /** Handles, e-mail addresses and DIDs of accounts that are being made. */
  readonly #held = new Set<string>();

  constructor(o: {
    accounts: AccountStore; sessions: Sessions; tokens: SessionTokens; passwords: PasswordCheck; repos: RepoWriter;
    invites: Invites; reservedKeys: ReservedKeys; hosted: Pick<HostedDids, 'begin' | 'add'>; identityChanges: IdentityChanges; plc: PlcClient; server: ServerIdentity; groups: GroupCommit; sequencer: Sequencer; clock: Clock;
  }) {
    this.#accounts = o.accounts;
    this.#sessions = o.sessions;
    this.#tokens = o.tokens;
    this.#passwords = o.passwords;
    this.#repos = o.repos;
    this.#invites = o.invites;
    this.#reservedKeys = o.reservedKeys;
    this.#hosted = o.hosted;
    this.#changes = o.identityChanges;
    this.#plc = o.plc;
    this.#server = o.server;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#clock = o.clock;
  }

  /**
   * Makes an account and its first session.
   * @throws XrpcError 400 when a name is taken or the invite code does not hold, 502 UpstreamFailure when the directory does not answer
   */
  async register(wanted: WantedAccount): Promise<RegisteredAccount> {
    this.#invites.check(wanted.inviteCode);
    await this.#changes.freeUp(wanted.handle);
    const names = this.#hold(wanted);
    try {
      const passwordHash = wanted.password === null ? null : await this.#passwords.hash(wanted.password);
      const reserved = wanted.existingDid === null ? null : this.#reservedKeys.find(wanted.existingDid);
      const keypair = wanted.keypair ?? reserved ?? Keypair.generate('k256');
      if (wanted.existingDid !== null) return await this.#store({ wanted, did: wanted.existingDid, keypair, passwordHash });
      if (wanted.isHosted === true) return await this.#registerHosted({ wanted, keypair, passwordHash });
      const fresh = this.#plc.prepare({ ...wanted, signingKey: keypair.did, pdsUrl: this.#server.publicUrl });
      return await this.#changes.create(fresh, {
        handle: wanted.handle,
        check: () => this.#checkFree(wanted, fresh.did),
        store: (settled) => this.#store({ wanted, did: fresh.did, keypair, passwordHash, settled }),
      });
    } finally {
      for (const name of names) this.#held.delete(name);
    }
  }

  /** Holds the names against others who ask at the same time. */
  #hold(wanted: WantedAccount): string[] {
    this.#checkFree(wanted, null, (name) => this.#held.has(name));
    const { handle, email, existingDid } = wanted;
    const lowerEmail = email?.toLowerCase() ?? null;
    const names = [handle, lowerEmail, existingDid].filter((name) => name !== null);
    for (const name of names) this.#held.add(name);
    return names;
  }

  #checkFree({ handle, email, existingDid }: WantedAccount, did: string | null, isHeld: (name: string) => boolean = () => false): void {
    if (existingDid !== null && (isHeld(existingDid) || this.#accounts.byDid(existingDid))) throw invalidRequest(`Account already exists: ${existingDid}`);
    if (isHeld(handle) || this.#accounts.byHandle(handle) || this.#changes.isHeld(handle, did)) throw invalidRequest(`Handle already taken: ${handle}`);
    if (email !== null && (isHeld(email.toLowerCase()) || this.#accounts.byEmail(email.toLowerCase()))) throw invalidRequest(`Email already taken: ${email}`);
  }

  #registerHosted(o: { wanted: WantedAccount; keypair: Keypair; passwordHash: string | null }): Promise<RegisteredAccount> {
    const { handle } = o.wanted;
    return this.#hosted.begin({ handle, signingKey: o.keypair.did }, () => this.#store({ ...o, did: didWebOf(handle) }));
  }

  #store(o: { wanted: WantedAccount; did: string; keypair: Keypair; passwordHash: string | null; settled?: () => void }): Promise<RegisteredAccount> {
    const { handle, email, existingDid } = o.wanted;
    const refresh = this.#tokens.mintRefresh(o.did, newRefreshId());
    return this.#groups.write((group) => {
      // Who is here already holds no names while they take another.
      this.#checkFree(o.wanted, o.did);
      o.settled?.();
      const nowMs = this.#clock.nowMs();
      this.#invites.use(o.wanted.inviteCode, o.did);
      this.#reservedKeys.release(o.keypair);
      const accountId = this.#accounts.insert({
        did: o.did, handle, email, passwordHash: o.passwordHash, signingKey: o.keypair.privateBytes(),
        createdAtMs: nowMs, deactivatedAtMs: existingDid === null ? null : nowMs,
      });
      o.wanted.alongside?.(accountId);
      if (o.wanted.isHosted === true) this.#hosted.add(accountId, handle);
      this.#beginRepo(group, { accountId, did: o.did, keypair: o.keypair, handle, isNew: existingDid === null });
      return { did: o.did, handle, ...this.#sessions.beginFirst(accountId, o.did, refresh) };
    });
  }

  #beginRepo(group: WriteGroup, o: { accountId: number; did: string; keypair: Keypair; handle: string; isNew: boolean }): void {
    const commit = this.#repos.begin(group, o);
    if (!o.isNew) return;
    this.#sequencer.stage(o.accountId, { kind: 'identity', did: o.did, handle: o.handle });
    this.#sequencer.stage(o.accountId, { kind: 'account', did: o.did, active: true, status: null });
    this.#sequencer.stage(o.accountId, commitEvent(commit));
    const bytes = commit.newBlocks.get(commit.cid);
    assert(bytes !== undefined, 'a commit brings its own block');
    this.#sequencer.stage(o.accountId, syncEvent({ ...commit, bytes }));
  }
}
