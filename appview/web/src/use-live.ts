/**
 * The page's one connection as a hook: opens it for the chosen user, keeps the state, reads who reacted after each change.
 * Not for drawing.
 * Source: ours.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { GatewayConnection, type ConnectionState } from './gateway.ts';
import type { Pds } from './pds.ts';
import { loadMessages, loadReactions, loadServiceDid } from './queries.ts';
import { applyFrame, noState, withName, type LiveState } from './state.ts';
import type { Counts, Reaction } from './wire.ts';

/** What the page draws from. */
export interface Live {
  readonly state: LiveState;
  readonly connection: { readonly state: ConnectionState; readonly detail?: string };
  /** The chosen user's own reactions. */
  readonly mine: readonly Reaction[];
  /** Notes what one's own server has just written (or deleted, by URI), until the index says the same. */
  readonly noteMine: (written: Reaction | string) => void;
  /** Called whenever new counts come in; one listener. */
  onCounts: { current: ((counts: Counts) => void) | null };
}

const refreshAfterMs = 120;
const namesAfterMs = 1_500;

/** Keeps the page live for a user (null: a reader), a subject and a room. */
export function useLive(o: { readonly pds: Pds | null; readonly subject: string | null; readonly room: string | null }): Live {
  const { pds, subject, room } = o;
  const [state, setState] = useState<LiveState>(noState);
  const [connection, setConnection] = useState<Live['connection']>({ state: 'connecting' });
  const [mine, setMine] = useState<readonly Reaction[]>([]);
  const onCounts = useRef<((counts: Counts) => void) | null>(null);
  const viewer = pds?.user.did ?? null;

  useEffect(() => {
    setState((before) => ({ ...before, room: before.roomOf === room ? { ...before.room, present: [], online: 0, canWrite: false } : noState.room, roomOf: room }));
    const token = async (): Promise<string | null> => (pds === null ? null : pds.serviceToken(`${await loadServiceDid()}#dunlin_live`, 'app.dunlin.live.subscribe'));
    const gateway = new GatewayConnection({
      token, subject, room,
      onState: (next, detail) => setConnection({ state: next, ...(detail === undefined ? {} : { detail }) }),
      onFrame: (frame) => {
        setState((before) => applyFrame(before, frame));
        if (frame.$type === '#counts') onCounts.current?.(frame);
      },
    });
    return () => gateway.close();
  }, [pds, subject, room]);

  const refresh = useCallback(async (): Promise<boolean> => {
    if (subject === null) return true;
    const { counts, reactions, viewer: own } = await loadReactions(subject, viewer);
    setMine(own?.reactions ?? []);
    setState((before) => ({
      ...before,
      reactions,
      counts: before.counts !== null && before.counts.version > counts.version ? before.counts : counts,
      names: reactions.reduce((known, { author }) => withName(known, author.did, author.handle), before.names),
    }));
    return reactions.every(({ author }) => author.handle !== undefined);
  }, [subject, viewer]);

  const version = state.counts?.version ?? null;
  useEffect(() => {
    let timer = setTimeout(() => {
      // A newcomer's handle is verified a moment after their first reaction: look once more.
      void refresh().then((isComplete) => { if (!isComplete) timer = setTimeout(() => void refresh().catch(() => undefined), namesAfterMs); }, () => undefined);
    }, version === null ? 0 : refreshAfterMs);
    return () => clearTimeout(timer);
  }, [version, refresh]);

  const { stale } = state.room;
  useEffect(() => {
    if (stale === 0 || room === null) return;
    void loadMessages(room).then((messages) => setState((before) => ({ ...before, room: { ...before.room, messages } })), () => undefined);
  }, [stale, room]);

  const noteMine = useCallback((written: Reaction | string): void => {
    const uri = typeof written === 'string' ? written : written.uri;
    setMine((before) => [...before.filter((each) => each.uri !== uri), ...(typeof written === 'string' ? [] : [written])]);
  }, []);

  // After a change of user the other's reactions stand here until they are read anew.
  return { state, connection, mine: mine.filter(({ author }) => author.did === viewer), noteMine, onCounts };
}
