/**
 * Takes an account into the table that its host lists and of which nothing was heard: its DID document must name that
 * host, and the host must have room for one more.
 * An account that is known elsewhere moves when its document says so. Not for accounts that send events (identities.ts). Place in the flow: beside hop 6, as slowly as hosts are walked.
 * What the host says of it is kept for lists and questions only: the first commit that comes is judged as of an account
 * nobody knows. Source: ours, docs/decisions/0017-accounts-that-never-spoke.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { AccountTable } from '../accounts/account-table.ts';
import { knownStatus } from './acceptance.ts';
import type { HostWord } from './acceptance.ts';
import type { Home } from './home.ts';

/** What became of it; full: the host has as many accounts as it may, later: the directory cannot say just now. */
export type Introduced = 'added' | 'known' | 'foreign' | 'full' | 'later';

/** What a host lists of an account. */
export interface ListedAccount extends HostWord {
  readonly did: string;
  readonly rev: string;
  /** SHA-256 digest of its newest commit. */
  readonly head: Uint8Array;
}

/** Takes accounts in. */
export class Introduction {
  readonly #table: AccountTable;
  readonly #resolver: Pick<IdentityResolver, 'resolveDid'>;
  readonly #clock: Clock;

  constructor(table: AccountTable, resolver: Pick<IdentityResolver, 'resolveDid'>, clock: Clock) {
    this.#table = table;
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /** Says whether nobody needs to be asked about this account: it is known to live there. */
  isKnown(did: string, home: Home): boolean {
    const row = this.#table.find(did);
    return row !== -1 && this.#table.hostId(row) === home.id;
  }

  /** Takes an account in; waits for the directory until the signal is aborted, and throws then. */
  async introduce({ did, rev, head, active, status }: ListedAccount, home: Home, signal: AbortSignal): Promise<Introduced> {
    const table = this.#table;
    try {
      // Of one that is known elsewhere the document remembered is most likely the old one.
      const document = await this.#resolver.resolveDid(did, { signal, refresh: table.find(did) !== -1 });
      if (document?.pdsUrl !== home.origin) return 'foreign';
      if (this.isKnown(did, home)) return 'known';
      if (table.countOfHost(home.id) >= home.accountLimit()) return 'full';
      const row = this.#place(did, home);
      const { signingKey } = document;
      table.setKey(row, signingKey && { curve: signingKey.curve, bytes: signingKey.bytes }, Math.floor(this.#clock.nowMs() / 1_000));
      table.setUpstream(row, active, knownStatus(status));
      table.setTold(row, { rev, head, data: null });
      return 'added';
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'IdentityUnavailable') return 'later';
      throw error;
    }
  }

  /** Adds an account, or moves one that has gone to this host without a word. */
  #place(did: string, home: Home): number {
    const table = this.#table;
    const row = table.find(did);
    if (row === -1) return table.add(did, home.id);
    table.setHost(row, home.id);
    if (table.local(row) === 'throttled') table.setLocal(row, 'none');
    return row;
  }
}
