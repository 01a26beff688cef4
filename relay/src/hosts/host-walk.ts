/**
 * Goes through one host's list of repositories, page by page, for as long as that works; the next attempt goes on where
 * this one ended.
 * Not for which hosts and when (walker.ts). Place in the flow: beside hop 5.
 * A page counts when every account on it is decided and on disk. When the directory does not answer the page is asked
 * for again later, a few times.
 * Source: ours, docs/decisions/0017-accounts-that-never-spoke.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { CounterChild } from '@dunlin/service/metrics/registry';
import type { Home } from '../ingest/home.ts';
import type { Introduced, Introduction } from '../ingest/introduction.ts';
import { listRepos, reposPerPage } from './list-repos.ts';
import type { ListedRepo } from './list-repos.ts';
import { waitMs } from './lookup-pace.ts';
import type { LookupPace } from './lookup-pace.ts';
import type { Walk, WalkStore } from './walk-store.ts';

/** What walking counts. */
export interface WalkMetrics {
  /** Accounts on pages of hosts, by what became of them. */
  readonly listed: Readonly<Record<Introduced, CounterChild>>;
  /** Pages asked for that did not come. */
  readonly failed: CounterChild;
}

/** What it works with. */
export interface HostWalkParts {
  readonly walks: WalkStore;
  readonly introduction: Introduction;
  readonly fetch: typeof globalThis.fetch;
  readonly saveAccounts: () => Promise<void>;
  /** Says whether the host may be asked now; it may be blocked while its list is gone through, which takes days. */
  readonly mayAsk: (hostId: number) => boolean;
  readonly pace: LookupPace;
  /** A list that was gone through is gone through again after so long, more or less by a tenth. */
  readonly againMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: WalkMetrics;
  readonly signal: AbortSignal;
}

const dayMs = 86_400_000;
const betweenPagesMs = 1_000;
const lookupsAtOnce = 8;
const firstPauseMs = 60_000;
const maxPauseMs = 6 * 3_600_000;
/** Attempts at a page whose accounts the directory cannot tell of, before one goes on without them. */
const maxFailuresOfDirectory = 5;
/** Bounds what a host can make us read in a round: so many pages beyond those its accounts need when they are small. */
const sparePages = 100;
const smallPage = 50;

/** Walks; resolves when there is nothing more to do for now. */
export async function walkHost(parts: HostWalkParts, home: Home): Promise<void> {
  const { walks, signal } = parts;
  let walk: Walk = walks.find(home.id);
  const mostPages = sparePages + home.accountLimit() / smallPage;
  while (!signal.aborted && parts.mayAsk(home.id)) {
    if (walk.pages >= mostPages) return walks.put(ended(parts, home));
    const next = await onePage(parts, home, walk);
    if (next === null) return;
    walk = next;
    walks.put(walk);
    if (walk.nextMs > parts.clock.nowMs()) return;
    await waitMs(parts.clock, betweenPagesMs, signal);
  }
}

/** Gives how far one is after one more page; null when one was told to stop meanwhile. */
async function onePage(parts: HostWalkParts, home: Home, walk: Walk): Promise<Walk | null> {
  const { clock, metrics, signal } = parts;
  const page = await listRepos(parts.fetch, home.origin, walk.cursor, { nowMs: clock.nowMs(), signal });
  if (signal.aborted) return null;
  if (page.kind === 'failed') {
    metrics.failed.inc();
    return later(parts, walk, page.retryMs);
  }
  // A place that the host does not know any more is no reason to give up its list.
  if (page.kind === 'refused') return walk.cursor === null ? ended(parts, home) : later(parts, { ...walk, cursor: null }, null);
  const outcomes = await introduceAll(parts, page.repos.slice(0, reposPerPage), home);
  await parts.saveAccounts();
  if (signal.aborted) return null;
  for (const outcome of outcomes) metrics.listed[outcome].inc();
  if (outcomes.includes('full')) return { ...walk, failures: 0, nextMs: clock.nowMs() + dayMs };
  if (outcomes.includes('later') && walk.failures < maxFailuresOfDirectory) return later(parts, walk, null);
  if (page.cursor === null || page.cursor === walk.cursor) return ended(parts, home);
  return { ...walk, cursor: page.cursor, failures: 0, nextMs: 0, pages: walk.pages + 1 };
}

/** Takes in who is not known yet, some at a time; stops when the host is full. */
async function introduceAll({ introduction, pace, signal }: HostWalkParts, repos: readonly ListedRepo[], home: Home): Promise<Introduced[]> {
  const outcomes: Introduced[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let repo = repos[next++]; repo && !signal.aborted && !outcomes.includes('full'); repo = repos[next++]) {
      if (introduction.isKnown(repo.did, home)) {
        outcomes.push('known');
        continue;
      }
      await pace.turn(signal);
      if (!signal.aborted) outcomes.push(await introduction.introduce(repo, home, signal));
    }
  };
  await Promise.all(Array.from({ length: lookupsAtOnce }, work));
  return outcomes;
}

function later({ clock }: HostWalkParts, walk: Walk, retryMs: number | null): Walk {
  const pauseMs = retryMs ?? Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(walk.failures, 10));
  return { ...walk, failures: walk.failures + 1, nextMs: clock.nowMs() + pauseMs };
}

function ended({ clock, random, againMs }: HostWalkParts, home: Home): Walk {
  return { hostId: home.id, cursor: null, failures: 0, pages: 0, nextMs: clock.nowMs() + Math.round(againMs * (0.9 + 0.2 * random())) };
}
