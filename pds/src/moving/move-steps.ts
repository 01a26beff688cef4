/**
 * What each step of moving in does, at this server, with the session the person lent it. Each may be cut off and done again.
 * repo (whole, into the account's place) → files that are missing → preferences → identity (the person's turn, `move-identity.ts`)
 * → activation here → farewell there. Not here: when a step is done and what follows a fault (`move-runner.ts`).
 * Source: the order of com.atproto.server.createAccount to deactivateAccount that clients move accounts in.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { Pace, type PaceRule } from '@dunlin/service/http/pace';
import { Interruption } from '@dunlin/service/lifecycle/interruption';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { Preference, PreferenceStore } from '../account/preference-store.ts';
import type { AccountStanding } from '../membership/standing.ts';
import { BlobStorageError } from '../blob/blob-files.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import { firstOf } from '../blob/first-of.ts';
import type { FetchedBlobs, MissingBlobs } from '../blob/fetch-missing.ts';
import type { DocumentCheck } from '../identity/document-check.ts';
import type { PlcOperations } from '../identity/plc-operations.ts';
import type { RepoImporter } from '../migration/import-repo.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import { MoveFault } from './move-fault.ts';
import type { OldServer } from './old-server.ts';

/** How often files that did not come are asked for within one run of the step. */
const filePasses = 3;

/** The least pace of an old server, and the longest its repository may take. */
export interface MovePace {
  readonly repo: PaceRule;
  /** Each file counts as at least `leastFileBytes`, also one the old server says it does not have: small ones take longer to ask for than to send. */
  readonly files: PaceRule;
  readonly repoMaxMs: number;
}

/** The pace of moves in service: 8 KiB a second, within minutes, and an hour for a repository. */
export const movePace: MovePace = {
  repo: { leastBytes: 491_520, windowMs: 60_000 },
  files: { leastBytes: 983_040, windowMs: 120_000 },
  repoMaxMs: 3_600_000,
};

/** What a file counts as at least, in bytes. */
const leastFileBytes = 16_384;

/** Told of bytes as they come. */
export type OnBytes = (bytes: number) => void;

/** How far the asking for files has come within one run of the server. */
export interface FilesPlace {
  pass: number;
  after: Parameters<MissingBlobs['fetch']>[1]['after'];
  /** Whether a file has come since it last failed. */
  hasProgressed: boolean;
  reason: string;
}

/** Gives the place where asking begins. */
export function filesBegin(): FilesPlace {
  return { pass: 0, after: null, hasProgressed: false, reason: 'none was given' };
}

/** The steps. */
export class MoveSteps {
  readonly #importer: RepoImporter;
  readonly #missing: MissingBlobs;
  readonly #blobs: BlobStore;
  readonly #preferences: PreferenceStore;
  readonly #documents: DocumentCheck;
  readonly #standing: AccountStanding;
  readonly #plcOperations: PlcOperations;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #pace: MovePace;

  constructor(o: {
    importer: RepoImporter; missingBlobs: MissingBlobs; blobs: BlobStore; preferences: PreferenceStore; documents: DocumentCheck;
    standing: AccountStanding; plcOperations: PlcOperations; groups: GroupCommit; clock: Clock; pace?: MovePace;
  }) {
    this.#importer = o.importer;
    this.#missing = o.missingBlobs;
    this.#blobs = o.blobs;
    this.#preferences = o.preferences;
    this.#documents = o.documents;
    this.#standing = o.standing;
    this.#plcOperations = o.plcOperations;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#pace = o.pace ?? movePace;
  }

  /** Takes the repository in. @throws MoveFault */
  async repo(account: Account, old: OldServer, { signal, onBytes }: { signal: AbortSignal; onBytes: OnBytes }): Promise<void> {
    const slow = new AbortController();
    const ends = AbortSignal.any([signal, slow.signal]);
    const car = await old.stream('com.atproto.sync.getRepo', { did: account.did }, { signal: ends });
    try {
      await this.#importer.import(account, this.#paced(car, { signal: ends, slow, onBytes }));
    } catch (fault) {
      throw this.#repoFault(fault, signal);
    }
  }

  /** Counts, and gives up on a server from which too little comes; time in which nobody asks for more is ours, not its. */
  async *#paced(car: AsyncIterable<Uint8Array>, o: { signal: AbortSignal; slow: AbortController; onBytes: OnBytes }): AsyncGenerator<Uint8Array, void, undefined> {
    const { repo: rule, repoMaxMs } = this.#pace;
    const pace = new Pace(rule);
    const chunks = car[Symbol.asyncIterator]();
    const gone = new Interruption();
    const onAbort = (): void => gone.interrupt(o.signal.reason);
    o.signal.addEventListener('abort', onAbort, { once: true });
    let [totalMs, totalBytes] = [0, 0];
    try {
      for (;;) {
        o.signal.throwIfAborted();
        const [beganMs, leftMs] = [this.#clock.elapsedMs(), Math.min(pace.leftMs, Math.max(0, repoMaxMs - totalMs))];
        const timer = this.#clock.after(leftMs, () => o.slow.abort(totalMs + leftMs >= repoMaxMs ? tookTooLong(repoMaxMs, totalBytes) : tooSlow(rule)), { unref: true });
        const next = await gone.wait(chunks.next()).finally(() => timer.cancel());
        if (next.done === true) return;
        const [waitedMs, bytes] = [this.#clock.elapsedMs() - beganMs, next.value.length];
        totalMs += waitedMs;
        totalBytes += bytes;
        pace.took({ waitedMs, bytes });
        o.onBytes(bytes);
        yield next.value;
      }
    } finally {
      o.signal.removeEventListener('abort', onAbort);
      void chunks.return?.().catch(() => undefined);
    }
  }

  #repoFault(fault: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (!(fault instanceof XrpcError)) return fault;
    if (fault.status === 503) return new MoveFault('ServerBusy', 'Many people are moving in just now; this goes on by itself.');
    return new MoveFault('RepoRefused', `The repository that the old server gave cannot be taken: ${fault.message}.`);
  }

  /**
   * Fetches files that records name, going on from a place, which moves along; false when `mayGoOn` ended it before all were asked for.
   * @throws MoveFault FilesMissing when some cannot be had and the person has not said to go on without
   */
  async files(account: Account, old: OldServer, o: { signal: AbortSignal; goesWithoutMissing: boolean; place: FilesPlace; onBytes: OnBytes; mayGoOn: () => boolean }): Promise<boolean> {
    const { place } = o;
    const pace = new Pace(this.#pace.files);
    for (; place.pass < filePasses; place.pass++) {
      do {
        if (!o.mayGoOn()) return false;
        const some = await this.#someFiles(account, old, o);
        place.after = some.cursor;
        if (!pace.took(some)) {
          if (o.goesWithoutMissing) return true;
          throw tooSlow(this.#pace.files);
        }
      } while (place.after !== null);
      if ((await firstOf(this.#blobs.searchMissing(account.id, { after: null }), 1)).length === 0) return true;
    }
    if (o.goesWithoutMissing) return true;
    const { named, held } = this.#blobs.counts(account.id);
    throw new MoveFault('FilesMissing', `${named - held} of ${named} pictures and other files cannot be had from the old server (${place.reason}). Try again, or go on without them: they can still be fetched later while the old server has them.`);
  }

  async #someFiles(account: Account, old: OldServer, o: { signal: AbortSignal; place: FilesPlace; onBytes: OnBytes }): Promise<{ cursor: FilesPlace['after']; waitedMs: number; bytes: number }> {
    const { place } = o;
    const beganMs = this.#clock.elapsedMs();
    const { fetched, bytes, failed, cursor } = await this.#fetchSome(account, { from: old.origin, after: place.after, signal: o.signal });
    o.signal.throwIfAborted();
    o.onBytes(bytes);
    place.reason = failed.at(-1)?.reason ?? place.reason;
    place.hasProgressed ||= fetched > 0;
    if (fetched === 0 && failed.length > 0 && failed.every(({ isAnswered }) => !isAnswered)) {
      const { hasProgressed } = place;
      place.hasProgressed = false;
      throw new MoveFault('OldServerUnreachable', `The old server at ${old.origin} does not give files (${place.reason}).`, { hasProgressed });
    }
    const answered = fetched + failed.filter(({ isAnswered }) => isAnswered).length;
    return { cursor, waitedMs: this.#clock.elapsedMs() - beganMs, bytes: Math.max(bytes, answered * leastFileBytes) };
  }

  async #fetchSome(account: Account, o: Parameters<MissingBlobs['fetch']>[1]): Promise<FetchedBlobs> {
    try {
      return await this.#missing.fetch(account, o);
    } catch (fault) {
      if (fault instanceof BlobStorageError) throw new MoveFault('ServerBusy', 'This server cannot store files at the moment; that is not the old server\'s fault.', { cause: fault });
      throw fault;
    }
  }

  /** Takes the preferences over. @throws MoveFault */
  async preferences(account: Account, old: OldServer): Promise<void> {
    const list = await preferencesOf(old);
    if (list !== null) await this.#groups.write(() => this.#preferences.replace(account.id, list));
  }

  /** Tells whether the DID document names this server and the account's key. @throws MoveFault IdentityNotReady when nobody can say */
  async isIdentityHere(account: Account): Promise<boolean> {
    return (await this.#identityFault(account)) === null;
  }

  /** Sends the operation that the person signed with their recovery key. @throws MoveFault OperationRefused, IdentityNotReady */
  async submitOwn(account: Account, operation: string): Promise<void> {
    try {
      await this.#plcOperations.submit(account, JSON.parse(operation));
    } catch (fault) {
      if (!(fault instanceof XrpcError)) throw fault;
      if (fault.status >= 500) throw new MoveFault('IdentityNotReady', 'The directory of identities does not answer at the moment.', { cause: fault });
      throw new MoveFault('OperationRefused', `The directory of identities did not take the change: ${fault.message}. Sign it once more with your recovery key.`, { cause: fault });
    }
  }

  /** Puts the account in service here, unless `check` throws when it is about to be. @throws MoveFault IdentityNotReady; what `check` throws */
  async activate(account: Account, check: (now: Account) => void): Promise<void> {
    if (account.deactivatedAtMs === null) return;
    const fault = await this.#identityFault(account);
    if (fault !== null) throw new MoveFault('IdentityNotReady', `The network does not yet see this server as the account's home: ${fault}`);
    // It may have been taken down while the network was asked.
    await this.#standing.activate(account.id, { check });
  }

  /** Takes the account out of service at the old server, and ends the session there. @throws MoveFault */
  async farewell(old: OldServer): Promise<void> {
    await old.procedure('com.atproto.server.deactivateAccount', {});
    await old.endSession().catch((fault: unknown) => {
      if (!(fault instanceof MoveFault)) throw fault;
    });
  }

  async #identityFault(account: Account): Promise<string | null> {
    try {
      return await this.#documents.faultOf(account);
    } catch (fault) {
      if (fault instanceof AssertionFailure || !(fault instanceof ProtocolError)) throw fault;
      throw new MoveFault('IdentityNotReady', 'The DID document cannot be looked up at the moment.', { cause: fault });
    }
  }
}

function tooSlow({ leastBytes, windowMs }: PaceRule): MoveFault {
  return new MoveFault('OldServerTooSlow', `The old server sends too slowly: less than ${Math.ceil(leastBytes / 1_000)} kB came in ${windowMs / 1_000} seconds of waiting for it. Others have had their turn meanwhile.`);
}

function tookTooLong(maxMs: number, bytes: number): MoveFault {
  return new MoveFault('OldServerTooSlow', `The old server had not sent all of your repository within ${Math.round(maxMs / 60_000)} minutes; ${(bytes / 1_000_000).toFixed(1)} MB had come. Try again at another hour, or ask its operator.`, { isFinal: true });
}

/** Gives what the old server keeps of app.bsky preferences; null when it keeps none. */
async function preferencesOf(old: OldServer): Promise<Preference[] | null> {
  try {
    const { preferences } = await old.query('app.bsky.actor.getPreferences');
    return Array.isArray(preferences) ? preferences.filter(isPreference) : null;
  } catch (fault) {
    // A server without this method has no preferences to give.
    if (fault instanceof MoveFault && fault.code === 'OldServerRefused') return null;
    throw fault;
  }
}

function isPreference(value: unknown): value is Preference {
  if (typeof value !== 'object' || value === null || !('$type' in value)) return false;
  return typeof value.$type === 'string' && value.$type.startsWith('app.bsky.');
}
