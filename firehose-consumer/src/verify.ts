/**
 * Is this commit really its account's? `signature`: the commit object is signed by the key in the DID document.
 * `full`: besides, every block hashes, the operations are true of the signed tree, and undone they give `prevData`.
 * Not for: continuity (whether something is missing before this commit) or whether the sender may speak for the host.
 * Place in the flow: before delivery, in order per DID, only for events that somebody wants.
 * Rules: on a bad signature, an unknown account or a missing key the DID is looked up afresh once, at most once a
 * minute per account. While it cannot be looked up its events wait: a did:plc for as long as the directory is out, since
 * giving up would lose everybody's events; any other for `patienceMs`, since its host is its own.
 * Source: atproto.com/specs/sync; protocol/src/repo/verify-commit.ts.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { checkRevTime } from '@dunlin/protocol/repo/check-commit';
import { scanCommit, verifyScannedCommit } from '@dunlin/protocol/repo/commit';
import { refuse } from '@dunlin/protocol/repo/drop-reason';
import type { Refusal } from '@dunlin/protocol/repo/drop-reason';
import { verifyCommit } from '@dunlin/protocol/repo/verify-commit';
import { verifySync } from '@dunlin/protocol/repo/verify-sync';
import { Backoff } from './backoff.ts';
import { findBlocks } from './car-blocks.ts';
import type { HeldFrame } from './decode.ts';
import { KeyCache } from './key-cache.ts';

/** How commits are judged and where keys come from. */
export interface VerifierOptions {
  level: 'signature' | 'full';
  identity: IdentityResolver;
  clock: Clock;
  /** Accepts commits of servers older than Sync 1.1 at level `full`. */
  isLenient: boolean;
  /** How long the events of an account that is no did:plc wait for a host that cannot be reached. */
  patienceMs: number;
  /** Hears each time a look-up failed and is tried again. */
  onWaiting?: (did: string, message: string) => void;
  /** Aborting ends every waiting; what was waiting is neither accepted nor refused. */
  signal: AbortSignal;
}

/** Gives verdicts: null means accepted, a promise only when a key has to be fetched. */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #keys: KeyCache;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#keys = new KeyCache(options.clock);
  }

  /** Makes an account's key be asked for anew, as an #identity event demands. */
  forget(did: string): void {
    this.#keys.delete(did);
    this.#options.identity.invalidate(did);
  }

  /** Judges one event; #identity and #account carry nothing that could be verified. */
  verify(event: HeldFrame): Refusal | null | Promise<Refusal | null> {
    if (event.kind === 'account' || event.kind === 'identity') return null;
    const key = this.#keys.get(event.did);
    if (!key) return this.#verifyResolved(event);
    const refusal = this.#check(event, key);
    return refusal?.reason === 'badSignature' ? this.#verifyAfresh(event, refusal) : refusal;
  }

  async #verifyResolved(event: HeldFrame): Promise<Refusal | null> {
    const key = await this.#resolve(event.did, false);
    if ('accepted' in key) return key.reason === 'unknownAccount' ? this.#verifyAfresh(event, key) : key;
    const refusal = this.#check(event, key);
    return refusal?.reason === 'badSignature' ? this.#verifyAfresh(event, refusal) : refusal;
  }

  /** Keys rotate and accounts are young: asks past every cache, then lets the refusal stand. */
  async #verifyAfresh(event: HeldFrame, refusal: Refusal): Promise<Refusal | null> {
    if (!this.#keys.takeRefresh(event.did)) return refusal;
    const key = await this.#resolve(event.did, true);
    return 'accepted' in key ? key : this.#check(event, key);
  }

  async #resolve(did: string, refresh: boolean): Promise<PublicKey | Refusal> {
    const { identity, clock, patienceMs, onWaiting, signal } = this.#options;
    const backoff = new Backoff({ minMs: 1_000, maxMs: 15_000 });
    for (;;) {
      try {
        const document = await identity.resolveDid(did, { refresh, signal });
        if (!document?.signingKey) return refuse('unknownAccount', document ? 'did document has no signing key' : `did=${did}`);
        this.#keys.set(did, document.signingKey);
        return document.signingKey;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        if (this.#keys.failed(did) >= patienceMs && !did.startsWith('did:plc:')) return refuse('unresolvable', error.message);
        onWaiting?.(did, error.message);
        await clock.sleep(Math.max(100, backoff.nextMs()), signal);
      }
    }
  }

  #check(event: HeldFrame, key: PublicKey): Refusal | null {
    const { level, clock, isLenient } = this.#options;
    const { scan, bytes } = event;
    const nowMs = clock.nowMs();
    if (event.kind === 'commit' && level === 'signature') return checkRevTime(scan.rev as string, nowMs) ?? checkSigned(event, key);
    const verdict = event.kind === 'sync' ? verifySync({ scan, bytes, key, nowMs }) : verifyCommit({ scan, bytes, key, nowMs, lenient: isLenient });
    return verdict.accepted ? null : verdict;
  }
}

/** Checks the commit object that a #commit names and its signature, and nothing else of its blocks. */
function checkSigned({ scan, bytes }: HeldFrame, key: PublicKey): Refusal | null {
  const range = { start: scan.blocksOffset, end: scan.blocksOffset + scan.blocksLength };
  const [block] = findBlocks(bytes, range, [scan.commitOffset], true);
  if (!block) return refuse('badCommit', 'commit block is absent or does not hash to its cid');
  try {
    const commit = scanCommit(block, 0, block.length);
    if (commit.did !== scan.did) return refuse('didMismatch', `event=${scan.did}`);
    if (commit.rev !== scan.rev) return refuse('revMismatch', `event=${scan.rev}`);
    return verifyScannedCommit(block, commit, 0, block.length, key) ? null : refuse('badSignature', `did=${scan.did} rev=${scan.rev}`);
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('badCommit', error.message);
    throw error;
  }
}
