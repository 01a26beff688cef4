/**
 * Sending to the room: written at the user's own server, shown as on its way until the room brings it back.
 * Source: lexicons/app.dunlin.live.message.json.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Pds } from './pds.ts';
import type { Outgoing } from './room.tsx';
import type { Live } from './use-live.ts';

/** Sending: written at the user's server, shown as on its way until the room brings it back. */
export function useSending({ me, room, live }: { me: Pds | null; room: string | null; live: Live }) {
  const [sent, setSent] = useState<readonly Outgoing[]>([]);
  const author = me?.user.did ?? null;
  const count = useRef(0);
  const heard = new Set(live.state.room.messages.map(({ uri }) => uri));
  const change = (id: number, more: Partial<Outgoing>): void => setSent((before) => before.map((each) => (each.id === id ? { ...each, ...more } : each)));
  // What was heard is gone for good: another user's view of the room begins empty and must not bring it back.
  const isAnyHeard = sent.some(({ uri }) => uri !== null && heard.has(uri));
  useEffect(() => {
    if (isAnyHeard) setSent((before) => before.filter(({ uri }) => uri === null || !heard.has(uri)));
  }, [isAnyHeard]);
  const send = (text: string, again?: number): void => {
    if (me === null || room === null) return;
    const id = count.current++;
    setSent((before) => [...before.filter((each) => each.id !== again).slice(-20), { id, author: me.user.did, text, uri: null, error: null }]);
    me.createRecord('app.dunlin.live.message', { room, text, createdAt: new Date().toISOString() }).then(
      ({ uri }) => change(id, { uri }),
      (error: unknown) => change(id, { error: error instanceof Error ? error.message : String(error) }),
    );
  };
  return { send, outgoing: sent.filter((each) => each.author === author && (each.uri === null || !heard.has(each.uri))) };
}
