/**
 * Asks a host whether an account is active after all, when it sends events of one that it said was not: the #account
 * event that brought it back may have been missed.
 * Not for accounts that we have taken down ourselves. Place in the flow: step 5 of the verdict order, before such an
 * event is dropped. Asked is only the account's own host, which could as well send the #account event; rarely for each
 * account, and a few times a second for each host.
 * Source: ours; lexicon com.atproto.sync.getRepoStatus.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { DidLimiter } from './did-limiter.ts';
import type { Home } from './home.ts';
import { HostSlots } from './host-slots.ts';
import { askRepoStatus } from './repo-status.ts';

/** What it works with. */
export interface ReactivationParts {
  /** Guarded against private addresses, bounded in bytes and time. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

/** What the host said; failed when it gave no answer that could be read. */
export type StatusAnswer = 'active' | 'inactive' | 'failed';

/** One question an account each ten minutes. */
const perAccount = { burst: 1, everyMs: 600_000 };

/** Questions to one host. */
const perHost = { burst: 20, everyMs: 1_000 };
const atOncePerHost = 2;

/** Asks hosts. */
export class Reactivation {
  readonly #parts: ReactivationParts;
  readonly #accounts = new DidLimiter(perAccount);
  readonly #hosts = new DidLimiter(perHost);
  readonly #slots = new HostSlots(atOncePerHost);

  constructor(parts: ReactivationParts) {
    this.#parts = parts;
  }

  /** Says whether the host may be asked about this account now, and counts that it is. */
  mayAsk(did: string, home: Pick<Home, 'id'>): boolean {
    const nowMs = this.#parts.clock.elapsedMs();
    return this.#accounts.take(`${did} ${home.id}`, nowMs) && this.#hosts.take(String(home.id), nowMs);
  }

  /** Asks; never throws. */
  async ask(did: string, home: Pick<Home, 'id' | 'origin'>): Promise<StatusAnswer> {
    const said = await this.#slots.run(home.id, () => askRepoStatus(this.#parts.fetch, home.origin, did));
    if (said.kind !== 'told') return 'failed';
    return said.active ? 'active' : 'inactive';
  }
}
