/**
 * What can go wrong on one connection of a `Subscription`, as a closed union; every fault is reported once and the
 * connection is tried again.
 * Not for: faults of single events (see `drop.ts`) or errors thrown at the user (see `errors.ts`).
 * Place in the flow: from ws events to `onError`.
 * Source: AT Protocol specification, "Event Stream"; RFC 6455 close codes; ws error codes.
 */
import type { IncomingMessage } from 'node:http';
import { decodeFrame } from '@dunlin/protocol/stream/frame';

const maxAnswerBytes = 4_096;
/** A CBOR map of one entry: only the header of an error frame is one. */
const errorHeaderFirstByte = 0xa1;

/**
 * connect: no WebSocket came about (name, address, TLS, refused, handshake time). http: the server answered the
 * handshake with a status of its own. error-frame: the server sent `op: -1`; it closes next. close: the connection
 * ended with this code (1006: without a close frame) after `frames` frames. frame-too-big: beyond `maxFrameBytes`.
 * protocol: bytes that are no WebSocket. silence: nothing heard, not even a pong. text-frame: a text message, ignored.
 * cursor: the `cursor` callback failed, so nothing was dialled.
 */
export type SubscriptionFault =
  | { kind: 'connect'; message: string }
  | { kind: 'http'; status: number; error: string | null; message: string | null; retryAfterSeconds: number | null }
  | { kind: 'error-frame'; error: string; message: string | null }
  | { kind: 'close'; code: number; reason: string; frames: number }
  | { kind: 'frame-too-big'; maxBytes: number }
  | { kind: 'protocol'; message: string }
  | { kind: 'silence'; silentMs: number }
  | { kind: 'text-frame'; bytes: number }
  | { kind: 'cursor'; message: string };

/** Gives the fault for an `error` event of ws. */
export function faultOfError(error: Error & { code?: string }, wasOpen: boolean, maxBytes: number): SubscriptionFault {
  if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return { kind: 'frame-too-big', maxBytes };
  if (error.code?.startsWith('WS_ERR_')) return { kind: 'protocol', message: error.message };
  return wasOpen ? { kind: 'close', code: 1006, reason: error.message, frames: 0 } : { kind: 'connect', message: describe(error) };
}

/**
 * Gives the fault for a handshake answered with plain HTTP. `body` is the beginning of the answer; when it is an XRPC
 * error object its `error` and `message` are taken over (each cut at 300 characters), anything else is left out.
 */
export function faultOfResponse(status: number, retryAfter: string | undefined, body: string): SubscriptionFault {
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null;
  return { kind: 'http', status, ...xrpcError(body), retryAfterSeconds: seconds };
}

/** Gives one line that says what happened, for logs and terminals. */
export function faultText(fault: SubscriptionFault): string {
  switch (fault.kind) {
    case 'connect':
      return `could not connect: ${fault.message}`;
    case 'http':
      return `handshake answered with http ${fault.status}${fault.error ? `: ${fault.error}` : ''}${fault.message ? ` (${fault.message})` : ''}`;
    case 'error-frame':
      return `server error: ${fault.error}${fault.message ? ` (${fault.message})` : ''}`;
    case 'close':
      return `connection closed: code=${fault.code}${fault.reason ? ` reason=${fault.reason}` : ''} frames=${fault.frames}`;
    case 'frame-too-big':
      return `frame over the limit: max=${fault.maxBytes} bytes`;
    case 'protocol':
      return `not a websocket stream: ${fault.message}`;
    case 'silence':
      return `nothing heard: ${fault.silentMs} ms`;
    case 'text-frame':
      return `text frame ignored: ${fault.bytes} bytes`;
    case 'cursor':
      return `cursor not available: ${fault.message}`;
  }
}

/** Gives the fault of an error frame; null for any other bytes, which are the owner's to judge. */
export function errorFrame(data: Buffer): SubscriptionFault | null {
  if (data[0] !== errorHeaderFirstByte) return null;
  try {
    const frame = decodeFrame(data);
    return frame.op === -1 ? { kind: 'error-frame', error: frame.error, message: frame.message ?? null } : null;
  } catch {
    return null;
  }
}

/** Gives the first bytes of an answer as text, 4 KiB at most; an answer cut short gives what there was. */
export async function readBeginning(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxAnswerBytes) break;
    }
  } catch {
    // Reset or handshake deadline: the status line already says what matters.
  }
  return Buffer.concat(chunks).toString('utf8', 0, maxAnswerBytes);
}

function xrpcError(body: string): { error: string | null; message: string | null } {
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json !== 'object' || json === null) return { error: null, message: null };
    const { error, message } = json as { error?: unknown; message?: unknown };
    return { error: shortText(error), message: shortText(message) };
  } catch {
    return { error: null, message: null };
  }
}

function shortText(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, 300) : null;
}

/** An AggregateError of "happy eyeballs" has an empty message; its first cause says more. */
function describe(error: Error): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : null;
  return error.message || (inner instanceof Error ? inner.message : error.name);
}
