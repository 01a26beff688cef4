/**
 * What a press on a reaction does: writes or deletes the record at the user's own server, and takes the time until the count moves.
 * Not for counts: those come back through the network like anybody's.
 * Source: lexicons/app.dunlin.live.reaction.json, app.bsky.feed.like.
 */
import { useState } from 'preact/hooks';
import { emojiKey } from '../../src/reactions/emoji-key.ts';
import { reactionRecordKey } from '../../src/reactions/reaction-key.ts';
import type { Pds } from './pds.ts';
import { loadPost } from './queries.ts';
import { dunlinSource, likeSource } from './reactions.tsx';
import type { Live } from './use-live.ts';
import type { Counts, Demo, Reaction } from './wire.ts';

/** How long the last press took to come back. */
export interface RoundTrip {
  readonly what: string;
  readonly collection: string;
  readonly key: string;
  /** People in that line of the counts when it was pressed; the trip is over when it moves. */
  readonly peopleBefore: number;
  readonly startMs: number;
  readonly writtenMs: number | null;
  readonly backMs: number | null;
}

/** Says how the last press went. */
export function tripText(trip: RoundTrip | null): string {
  if (trip === null) return 'Press a reaction: the page shows how long the way through the network takes.';
  const written = trip.writtenMs === null ? 'writing at your server…' : `at your server after ${trip.writtenMs} ms`;
  return `${trip.what}: ${written}${trip.backMs === null ? '' : `, back as a new count after ${trip.backMs} ms`}`;
}

/** A like in another app is a heart. */
const likeKey = '❤';

function peopleOf(counts: Counts | null, line: { readonly collection: string; readonly key: string }): number {
  return counts?.totals.find(({ collection, key }) => collection === line.collection && key === line.key)?.people ?? 0;
}

const rkeyOf = (own: Reaction): string => own.uri.split('/')[4];

/** What a press does: writes or deletes the record at the user's server, and takes the time until the count moves. */
export function useReacting(o: { me: Pds | null; subject: string | null; live: Live; demo: Demo | null; onFault: (fault: string | null) => void }) {
  const { me, subject, live, onFault } = o;
  const [pending, setPending] = useState<ReadonlySet<string>>(new Set());
  const [trip, setTrip] = useState<RoundTrip | null>(null);
  live.onCounts.current = (counts) => setTrip((before) => {
    // Others press too: only our own line of the counts ends our trip.
    if (before === null || before.backMs !== null || peopleOf(counts, before) === before.peopleBefore) return before;
    return { ...before, backMs: Math.round(performance.now() - before.startMs) };
  });
  const run = async (what: string, { collection, key, name }: { collection: string; key: string; name: string }, write: (pds: Pds) => Promise<unknown>): Promise<void> => {
    if (me === null || pending.has(name)) return;
    const startMs = performance.now();
    setPending(new Set([...pending, name]));
    setTrip({ what, collection, key, peopleBefore: peopleOf(live.state.counts, { collection, key }), startMs, writtenMs: null, backMs: null });
    onFault(null);
    try {
      await write(me);
      setTrip((before) => (before?.startMs === startMs ? { ...before, writtenMs: Math.round(performance.now() - startMs) } : before));
    } catch (error) {
      onFault(`${me.user.handle} could not write: ${error instanceof Error ? error.message : String(error)}`);
    }
    setPending((before) => new Set([...before].filter((each) => each !== name)));
  };
  const takeBack = async (pds: Pds, own: Reaction): Promise<void> => {
    await pds.deleteRecord(own.collection, rkeyOf(own));
    live.noteMine(own.uri);
  };
  const toggle = (value: string, own: Reaction | undefined): void => {
    const key = emojiKey(value) ?? value;
    void run(own ? `${value} taken back` : value, { collection: dunlinSource, key, name: value }, async (pds) => {
      if (own) return takeBack(pds, own);
      const kind = subject?.startsWith('at:') ? 'recordSubject' : subject?.startsWith('https:') ? 'webSubject' : 'externalSubject';
      const record = { subject: { $type: `${dunlinSource}#${kind}`, uri: subject }, value, createdAt: new Date().toISOString() };
      const { uri } = await pds.putRecord(dunlinSource, await reactionRecordKey(subject ?? '', key), record);
      live.noteMine({ uri, author: { did: pds.user.did }, collection: dunlinSource, value, key });
    });
  };
  const like = (own: Reaction | undefined): void => {
    void run(own ? 'Like taken back' : 'Like', { collection: likeSource, key: likeKey, name: likeSource }, async (pds) => {
      if (own) return takeBack(pds, own);
      const post = o.demo && (await loadPost(o.demo));
      if (!post?.cid) throw new Error('only posts can be liked');
      const { uri } = await pds.createRecord(likeSource, { subject: { uri: post.uri, cid: post.cid }, createdAt: new Date().toISOString() });
      live.noteMine({ uri, author: { did: pds.user.did }, collection: likeSource, value: '❤️', key: likeKey });
    });
  };
  return { pending, trip, toggle, like };
}
