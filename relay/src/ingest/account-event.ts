/**
 * What is done with an #account event: that of the account's own host is its word; what another relay says is passed on
 * when it changes nothing, and else only when the account's host, asked for its word, says that something has changed.
 * Not for #identity. Place in the flow: at the head of a lane, behind the gate. Asking is limited for each account and
 * each host, and what follows in the lane waits for the answer.
 * Source: ours, docs/decisions/0016-other-relays-as-upstreams.md; lexicon com.atproto.sync.getRepoStatus.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import { hashDid } from '../log/did-hash.ts';
import { knownStatus } from './acceptance.ts';
import type { Acceptance, HostWord } from './acceptance.ts';
import { DidLimiter } from './did-limiter.ts';
import { checkAccount } from './gate.ts';
import type { Known } from './gate.ts';
import type { Heard } from './heard.ts';
import type { Home } from './home.ts';
import { HostSlots } from './host-slots.ts';
import type { Item, Lane } from './lane.ts';
import type { IngestLimits } from './limits.ts';
import { LateStatuses } from './late-status.ts';
import type { LateWord } from './late-status.ts';
import { askRepoStatus } from './repo-status.ts';
import type { RepoStatus } from './repo-status.ts';
import { withStatus, withWord } from './rewrite.ts';

/** What is to be done with the event; ask: its host must be asked first. */
export type AccountOutcome =
  | { readonly kind: 'pass'; readonly said: HostWord }
  | { readonly kind: 'ask'; readonly home: Home }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly detail: string };

/** What it works with. */
export interface AccountEventsParts extends Known {
  readonly heard: Heard;
  readonly limits: IngestLimits;
  readonly acceptance: Acceptance;
  /** Guarded against private addresses, bounded in bytes and time. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** Called when an account's host was taken at its word without an event of its own. */
  readonly onTold: (row: number) => void;
}

/** Questions about one account, and to one host. */
const asksPerAccount = { burst: 4, everyMs: 300_000 };
const asksPerHost = { burst: 20, everyMs: 200 };
const atOncePerHost = 2;

/** Handles #account events. */
export class AccountEvents {
  readonly #parts: AccountEventsParts;
  readonly #limiter: DidLimiter;
  readonly #accounts = new DidLimiter(asksPerAccount);
  readonly #hosts = new DidLimiter(asksPerHost);
  readonly #slots = new HostSlots(atOncePerHost);
  readonly #late: LateStatuses;

  constructor(parts: AccountEventsParts) {
    this.#parts = parts;
    this.#limiter = new DidLimiter(parts.limits.notices);
    this.#late = new LateStatuses(parts.clock, (did, word) => this.#tellLate(did, word));
  }

  /** Decides about an event of an account in this row. */
  decide(item: Item, row: number): AccountOutcome {
    const { table, homes, heard, clock } = this.#parts;
    const { did, upstream } = item;
    const isRelay = upstream.relay > 0;
    const said = wordOf(item);
    const isEcho = heard.isEcho({ kind: 'account', did, ...said, time: item.scan.time }, isRelay);
    // What a relay told too early, and the host has contradicted since, is no echo when the host tells it.
    if (isEcho && (isRelay || this.#isKnown(row, said))) return { kind: 'drop', reason: 'duplicate', detail: 'the same event was passed on before' };
    const nowMs = clock.elapsedMs();
    if (!this.#limiter.take(`${did} ${upstream.id}`, nowMs)) {
      if (!isRelay) this.#late.keep(did, { upstream, said });
      return { kind: 'drop', reason: 'rateLimited', detail: 'too many #account events for this did' };
    }
    if (!isRelay || this.#isKnown(row, said)) return { kind: 'pass', said };
    const home = homes.byId(table.hostId(row));
    const mayAsk = home !== null && this.#accounts.take(did, nowMs) && this.#hosts.take(String(home.id), nowMs);
    return mayAsk ? { kind: 'ask', home } : { kind: 'drop', reason: 'rateLimited', detail: 'host is not asked so often how it stands with this account' };
  }

  /** Asks the account's host, and decides by its word; never throws. */
  async confirm(item: Item, row: number, home: Home): Promise<Exclude<AccountOutcome, { kind: 'ask' }>> {
    const answer = await this.#slots.run(home.id, () => askRepoStatus(this.#parts.fetch, home.origin, item.did));
    // Meanwhile the account may have moved.
    if (this.#parts.table.hostId(row) !== home.id) return notConfirmed('the account has moved');
    const said = wordOfHost(answer, wordOf(item));
    if (said === null) return notConfirmed('its host gives no answer');
    if (this.#isKnown(row, said)) return notConfirmed(`its host says what was known: active=${said.active} status=${said.status}`);
    return { kind: 'pass', said };
  }

  /** Passes an event on, with what the account's host says of it, or with our own word when we have taken it down. */
  accept(lane: Lane, item: Item, row: number, said: HostWord): void {
    const { table, acceptance } = this.#parts;
    item.row = row;
    item.breaks = !table.isActiveUpstream(row);
    this.#late.forget(lane.did);
    const claimed = wordOf(item);
    const isSame = said.active === claimed.active && said.status === claimed.status;
    const frame = table.local(row) === 'takendown' ? withStatus(item, 'takendown') : isSame ? item : withWord(item, said);
    acceptance.account(lane, item, row, frame, said);
  }

  close(): void {
    this.#late.close();
  }

  /** Tells what a host said last of an account when its events came too often; true when it is told, or of no use any more. */
  #tellLate(did: string, { upstream, said }: LateWord): boolean {
    const { table, acceptance, clock, onTold } = this.#parts;
    const hash = hashDid(did);
    const row = table.find(did, hash);
    if (checkAccount(this.#parts, row, upstream).kind !== 'pass' || table.local(row) !== 'none') return true;
    if (!this.#limiter.take(`${did} ${upstream.id}`, clock.elapsedMs())) return false;
    acceptance.told({ did, hash }, upstream, row, said, clock.nowMs());
    onTold(row);
    return true;
  }

  #isKnown(row: number, said: HostWord): boolean {
    const { table } = this.#parts;
    return table.isActiveUpstream(row) === said.active && table.upstream(row) === knownStatus(said.status);
  }
}

function wordOf({ scan }: Item): HostWord {
  return { active: scan.active === true, status: scan.status };
}

/** A host that does not have the account at all agrees with who says that it was deleted, and with nobody else. */
function wordOfHost(answer: RepoStatus, claimed: HostWord): HostWord | null {
  switch (answer.kind) {
    case 'told':
      return { active: answer.active, status: answer.status };
    case 'absent':
      return !claimed.active && claimed.status === 'deleted' ? claimed : null;
    case 'failed':
      return null;
  }
}

function notConfirmed(detail: string): Extract<AccountOutcome, { kind: 'drop' }> {
  return { kind: 'drop', reason: 'notConfirmed', detail };
}
