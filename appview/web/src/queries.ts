/**
 * What the page asks the app view and the servers of the demo, once or after a change.
 * Not for what moves by itself: gateway.ts brings that.
 * Source: lexicons/app.dunlin.live.getReactions.json, com.atproto.repo.getRecord.
 */
import { xrpc } from './pds.ts';
import type { Counts, Demo, Message, Reaction } from './wire.ts';

/** The post everybody reacts to. */
export interface Post {
  readonly uri: string;
  readonly cid: string | null;
  readonly text: string;
  readonly createdAt: string | null;
}

/** Gives the demo's settings; null when this service shows no demo. */
export async function loadDemo(): Promise<Demo | null> {
  const response = await fetch('/demo.json', { cache: 'no-store' });
  return response.ok ? ((await response.json()) as Demo) : null;
}

/** Gives who reacted, and what one of them did. */
export function loadReactions(subject: string, viewer: string | null): Promise<{ counts: Counts; reactions: Reaction[]; viewer?: { reactions: Reaction[] } }> {
  return xrpc('', 'app.dunlin.live.getReactions', { params: { subject, limit: '50', ...(viewer === null ? {} : { viewer }) } });
}

/** Gives the latest messages of a room, oldest first. */
export async function loadMessages(room: string): Promise<Message[]> {
  const { messages } = await xrpc<{ messages: Message[] }>('', 'app.dunlin.live.listMessages', { params: { room, limit: '50' } });
  return messages.toReversed();
}

/** Gives the DID of this app view, as tokens and rooms name it. */
export async function loadServiceDid(): Promise<string> {
  const response = await fetch('/.well-known/did.json');
  const { id } = (await response.json()) as { id: string };
  return id;
}

/** Reads the post from the server of its author. */
export async function loadPost(demo: Demo): Promise<Post | null> {
  const match = /^at:\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(demo.subject);
  const author = demo.users.find(({ did }) => did === match?.[1]);
  if (match === null || author === undefined) return null;
  const [, repo, collection, rkey] = match;
  const { cid, value } = await xrpc<{ cid: string; value: { text?: string; createdAt?: string } }>(author.pds, 'com.atproto.repo.getRecord', { params: { repo, collection, rkey } });
  return { uri: demo.subject, cid, text: value.text ?? '', createdAt: value.createdAt ?? null };
}
