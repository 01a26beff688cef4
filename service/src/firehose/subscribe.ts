/**
 * com.atproto.sync.subscribeRepos over a log and its outbox: the cursor rules, and nothing else.
 * No cursor: live from now. Cursor N: every event with seq > N. Above the head: error frame FutureCursor and close 1008.
 * Older than the window: #info OutdatedCursor, then from the oldest. 0: from the oldest, without info. No number: 400.
 * Not for sending (outbox.ts). Source: AT Protocol specs "Event Stream" and "Sync"; invariant 3.
 */
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import { parseCursor } from '@dunlin/protocol/stream/cursor';
import { encodeErrorFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { WebSocketRoutes } from '../websocket/server.ts';
import { wrapFrame } from '../websocket/frames.ts';
import { invalidRequest } from '../xrpc/errors.ts';
import type { EventLog } from './event-log.ts';
import type { Outbox, OutboxConnection } from './outbox.ts';

/** Parts of the endpoint. */
export interface SubscribeOptions {
  readonly websocket: WebSocketRoutes;
  readonly log: EventLog;
  readonly outbox: Outbox;
  /** Default /xrpc/com.atproto.sync.subscribeRepos. */
  readonly path?: string;
}

/** The path of the method. */
export const subscribeReposPath = '/xrpc/com.atproto.sync.subscribeRepos';

/** Mounts the endpoint. */
export function serveSubscribeRepos(o: SubscribeOptions): void {
  o.websocket.route(o.path ?? subscribeReposPath, (connection, { url }) => {
    subscribe(connection, readCursor(url), o);
  }, { before: ({ url }) => void readCursor(url) });
}

/** Puts a connection at its place in the log by the cursor rules; null means live from now. */
export function subscribe(connection: OutboxConnection, cursor: number | null, o: { readonly log: EventLog; readonly outbox: Outbox }): void {
  const headSeq = o.log.headSeq();
  if (cursor === null) return o.outbox.attach(connection, headSeq);
  if (cursor > headSeq) {
    connection.sendFrames(wrapFrame(encodeErrorFrame('FutureCursor', 'Cursor in the future.')));
    connection.close(closeCodes.policyViolation, 'FutureCursor');
    return;
  }
  const beforeOldest = o.log.oldestSeq() - 1;
  if (cursor >= beforeOldest) return o.outbox.attach(connection, cursor);
  if (cursor > 0) {
    connection.sendFrames(wrapFrame(encodeFrame('#info', { name: 'OutdatedCursor', message: 'Requested cursor exceeded limit. Possibly missing events' })));
  }
  o.outbox.attach(connection, beforeOldest);
}

function readCursor(url: URL): number | null {
  try {
    const given = url.searchParams.get('cursor');
    return parseCursor(given === '' ? null : given);
  } catch (error) {
    if (error instanceof ProtocolError) throw invalidRequest('Invalid com.atproto.sync.subscribeRepos params: cursor must be a whole number from 0 to 9007199254740991');
    throw error;
  }
}
