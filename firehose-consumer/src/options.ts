/**
 * Everything that can be set on a `FirehoseConsumer`, with its default, and the one place where it is judged.
 * Not for: reading an environment or files.
 * Place in the flow: once, in the constructor.
 * Source: ours, see firehose-consumer/README.md.
 */
import { promises as dns } from 'node:dns';
import type { Clock } from '@dunlin/protocol/base/clock';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { fullContinuity } from './continuity-options.ts';
import type { ContinuityOptions, FullContinuityOptions } from './continuity-options.ts';
import type { CursorStore } from './cursor-store.ts';
import { FirehoseError } from './errors.ts';
import type { ConsumerEvent } from './events.ts';
import { Filter } from './filter.ts';
import type { FilterOptions } from './filter.ts';
import type { ConsumerMetrics } from './metrics.ts';
import type { Drop, Notice } from './notice.ts';
import { subscribeReposPath, subscriptionUrl } from './service-url.ts';
import type { SubscriptionOptions } from './subscription.ts';

/** What a `FirehoseConsumer` takes; only `service` is required. */
export interface ConsumerOptions extends FilterOptions, Pick<SubscriptionOptions, 'service' | 'path' | 'params' | 'headers' | 'backoff' | 'idleMs' | 'handshakeTimeoutMs' | 'lookup'> {
  /** Where the cursor is kept between runs; without one every run begins at `cursor`. */
  cursorStore?: CursorStore;
  /** Where to begin when nothing is stored: events after this seq; 0 = the oldest the server has; null (default) = from now on. */
  cursor?: number | null;
  /** `record` (default): one event per record. `commit`: one event per commit with its operations. */
  unit?: 'record' | 'commit';
  /** How commits are proved: not at all (default, for a relay you trust), by signature, or in full. */
  verify?: 'none' | 'signature' | 'full';
  /** Where signing keys come from when commits are verified: a resolver, or a PLC directory (https://plc.directory). */
  identity?: IdentityResolver | { plcUrl: string };
  /** Accept, at `full`, commits of servers older than Sync 1.1, whose operations cannot be undone (false). */
  lenient?: boolean;
  /** Notices gaps, fetches the accounts in which they are and tells the differences, deletes too; see `ContinuityOptions`. */
  continuity?: ContinuityOptions;
  /** How long the events of an account that is no did:plc wait while its host cannot be reached, before they are dropped (60 s). */
  identityPatienceMs?: number;
  /** Handlers under way at once in `run` (16). 1 means strict order of the whole stream. */
  concurrency?: number;
  /** The most bytes of events held; at this much the socket is paused, below half of it resumed (64 MiB). */
  maxBufferedBytes?: number;
  /** In an iterator: `manual` waits for `event.ack()`, `auto` takes asking for the next as done with the last. Default: manual with a cursorStore, auto without. */
  acknowledge?: 'manual' | 'auto';
  /** How often a cursor that moved is saved (1 s). */
  saveIntervalMs?: number;
  /** What to do when the server has never reached our cursor: begin at its `oldest` (default), `live`, or `fail`. */
  onFutureCursor?: 'oldest' | 'live' | 'fail';
  /** What to do when events after our cursor are gone at the server: `continue` from its oldest (default), or `fail`. */
  onOutdatedCursor?: 'continue' | 'fail';
  /** Answers a handler that failed: `stop` (default), `skip` the event, or `retry` it after a back-off; attempts count from 1. */
  onHandlerError?: (error: unknown, event: ConsumerEvent, attempt: number) => 'stop' | 'skip' | 'retry';
  /** Hears of each message or operation that was left out. */
  onDrop?: (drop: Drop) => void;
  /** Hears of connections, faults and the server's words. */
  onNotice?: (notice: Notice) => void;
  metrics?: ConsumerMetrics;
  /** Aborting ends the run as `close` does. */
  signal?: AbortSignal;
  clock?: Clock;
}

/** The options with every default filled in. */
export interface FullOptions extends ConsumerOptions {
  cursor: number | null;
  unit: 'record' | 'commit';
  verify: 'none' | 'signature' | 'full';
  lenient: boolean;
  identityPatienceMs: number;
  concurrency: number;
  maxBufferedBytes: number;
  acknowledge: 'manual' | 'auto';
  saveIntervalMs: number;
  onFutureCursor: 'oldest' | 'live' | 'fail';
  onOutdatedCursor: 'continue' | 'fail';
  clock: Clock;
  filter: Filter;
  /** What of it is wanted, in words that are the same when it is. */
  scope: string;
  following: FullContinuityOptions | null;
}

/**
 * Fills in the defaults.
 * @throws FirehoseError InvalidOption naming the first option that cannot be used
 */
export function fullOptions(options: ConsumerOptions): FullOptions {
  subscriptionUrl(options.service, options.path ?? subscribeReposPath);
  const full: FullOptions = {
    cursor: null,
    unit: 'record',
    verify: 'none',
    lenient: false,
    identityPatienceMs: 60_000,
    concurrency: 16,
    maxBufferedBytes: 64 * 1024 * 1024,
    acknowledge: options.cursorStore ? 'manual' : 'auto',
    saveIntervalMs: 1_000,
    onFutureCursor: 'oldest',
    onOutdatedCursor: 'continue',
    clock: systemClock,
    filter: new Filter(options),
    scope: JSON.stringify([options.collections?.toSorted() ?? null, options.kinds?.includes('commit') ?? true]),
    following: options.continuity ? fullContinuity(options.continuity) : null,
    ...withoutUndefined(options),
  };
  if (full.cursor !== null) wholeNumber('cursor', full.cursor, 0);
  for (const name of ['concurrency', 'maxBufferedBytes', 'saveIntervalMs'] as const) wholeNumber(name, full[name], 1);
  wholeNumber('identityPatienceMs', full.identityPatienceMs, 0);
  const { following } = full;
  if (following) {
    for (const name of ['concurrency', 'hostConcurrency', 'maxRepoBytes', 'fetchTimeoutMs'] as const) wholeNumber(`continuity.${name}`, following[name], 1);
    wholeNumber('continuity.hostIntervalMs', following.hostIntervalMs, 0);
  }
  return full;
}

/** Gives the resolver that was handed in, or one that asks the network. */
export function resolverOf(options: FullOptions): IdentityResolver {
  const { identity = { plcUrl: 'https://plc.directory' }, clock } = options;
  if (!('plcUrl' in identity)) return identity;
  return createIdentityResolver({ plcUrl: identity.plcUrl, fetch: globalThis.fetch, resolveTxt: (name) => dns.resolveTxt(name), clock });
}

function withoutUndefined(options: ConsumerOptions): ConsumerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as ConsumerOptions;
}

function wholeNumber(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) throw new FirehoseError('InvalidOption', `${name} must be a whole number: least=${least} got=${value}`);
}
