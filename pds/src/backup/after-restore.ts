/**
 * Tells the network where every repository stands, once, after the server was restored from a backup: what was written after the
 * backup is gone here, and whoever heard of it must hear that it is. Each account gets a fresh commit, so that its revision is newer
 * than anything said before, and a #sync. The mark in the data directory goes when all is told; a crash in between tells again.
 * Source: ours; #sync as the protocol's word for "begin anew from here".
 */
import { existsSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountState, type Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import { syncEvent } from '../repo/events.ts';
import type { RepoReader } from '../repo/read.ts';
import type { RepoRenewal } from '../repo/renewal.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';

/** Name of the mark. */
export const restoredMark = 'restored.json';

/** Sets it, durably; `backup` says which was restored, null when none was. */
export async function markRestored(dataDirectory: string, { restoredAtMs, backup }: { restoredAtMs: number; backup: string | null }): Promise<void> {
  const mark = { restoredAt: new Date(restoredAtMs).toISOString(), backup };
  await writeFile(join(dataDirectory, restoredMark), `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true });
}

/** True when the data directory was restored and not all is told of it. */
export function isRestored(dataDirectory: string): boolean {
  return existsSync(join(dataDirectory, restoredMark));
}

/** Accounts told of in one transaction. */
const batchLength = 50;

/** Tells of repositories after a restore. */
export class AfterRestore {
  readonly #accounts: AccountStore;
  readonly #repos: RepoReader;
  readonly #renewal: RepoRenewal;
  readonly #keys: SigningKeys;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #mark: string;

  constructor(o: {
    accounts: AccountStore; repos: RepoReader; renewal: RepoRenewal; keys: SigningKeys; groups: GroupCommit; sequencer: Sequencer; dataDirectory: string;
  }) {
    this.#accounts = o.accounts;
    this.#repos = o.repos;
    this.#renewal = o.renewal;
    this.#keys = o.keys;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#mark = join(o.dataDirectory, restoredMark);
  }

  /** True when there is something to tell. */
  get isDue(): boolean {
    return existsSync(this.#mark);
  }

  /** Tells of every account in service and resolves with how many. */
  async tell(): Promise<number> {
    let told = 0;
    let after = { createdAtMs: 0, did: '' };
    for (;;) {
      const page = this.#accounts.page(after, batchLength);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last;
      told += await this.#tellOf(page.filter((account) => accountState(account).active));
    }
    rmSync(this.#mark, { force: true });
    return told;
  }

  #tellOf(accounts: readonly Account[]): Promise<number> {
    return this.#groups.write((group) => {
      let told = 0;
      for (const { id, did } of accounts) {
        if (this.#repos.head(id) === null || this.#accounts.byId(id) === null) continue;
        const commit = this.#renewal.renew(group, { accountId: id, did, keypair: this.#keys.of(id) });
        this.#sequencer.stage(id, syncEvent({ did, ...commit }));
        told++;
      }
      return told;
    });
  }
}
