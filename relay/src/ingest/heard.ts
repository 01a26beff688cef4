/**
 * Which #sync, #identity and #account events were passed on lately, and from whom they came, so that one that is heard
 * from its host and through other relays goes out once.
 * Not for commits: those have revs. Place in the flow: asked before an event is passed on, told when it was.
 * A host may say the same twice and is believed, as without relays; a relay may not, and so a circle of relays ends.
 * Source: ours, docs/decisions/0016-other-relays-as-upstreams.md. Bounded: the newest events are remembered.
 */
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';

/** What tells one event from another: relays leave its time as it is. */
export type Telling =
  | { readonly kind: 'sync'; readonly did: string; readonly rev: string | null }
  | { readonly kind: 'identity'; readonly did: string; readonly time: string | null }
  | { readonly kind: 'account'; readonly did: string; readonly active: boolean; readonly status: string | null; readonly time: string | null };

const maxRemembered = 65_536;

/** Remembers. */
export class Heard {
  readonly #isNeeded: () => boolean;
  /** Who it was passed on from. The oldest stands first. */
  readonly #passed = new Map<string, 'host' | 'relay'>();

  /** Nothing is remembered while it is not needed: no relay is listened to. */
  constructor(isNeeded: () => boolean) {
    this.#isNeeded = isNeeded;
  }

  /** Says whether it was passed on already and this is the same event again; counts that its host has said it. */
  isEcho(telling: Telling, isRelay: boolean): boolean {
    if (this.#passed.size === 0) return false;
    const key = keyOf(telling);
    const from = this.#passed.get(key);
    if (isRelay || from !== 'relay') return isRelay && from !== undefined;
    this.#passed.set(key, 'host');
    return true;
  }

  /** Notes that it is passed on. */
  note(telling: Telling, isRelay: boolean): void {
    if (!this.#isNeeded()) return;
    this.#passed.set(keyOf(telling), isRelay ? 'relay' : 'host');
    if (this.#passed.size <= maxRemembered) return;
    for (const oldest of this.#passed.keys()) {
      this.#passed.delete(oldest);
      return;
    }
  }
}

function keyOf(telling: Telling): string {
  const { kind, did } = telling;
  const rest = kind === 'sync' ? telling.rev : kind === 'identity' ? telling.time : `${telling.active} ${telling.status} ${telling.time}`;
  return sha256Latin1(`${kind} ${did} ${rest}`);
}
