/**
 * One message of an event stream: two DAG-CBOR items side by side, a header `{op, t}` and a body.
 * Knows no event by name (see event-codec.ts) and finds no offsets (see frame-scan.ts).
 * Source: atproto.com/specs/event-stream.
 */
import { concatBytes } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxFrameBytes } from '../base/limits.ts';
import { decodeSequence, encode, type CborMap, type CborValue } from '../data/cbor.ts';
import { isCid } from '../data/cid.ts';

/** A message: an event of kind `t`, or an error after which the server closes. */
export type Frame =
  | { readonly op: 1; readonly t: string; readonly body: CborMap }
  | { readonly op: -1; readonly error: string; readonly message: string | null };

const headers = new Map<string, Uint8Array>();
const errorHeader = encode({ op: -1 });

/** Most kinds whose header bytes are kept; the protocol has five. */
const maxKeptHeaders = 16;

function headerOf(t: string): Uint8Array {
  const kept = headers.get(t);
  if (kept !== undefined) return kept;
  const header = encode({ op: 1, t });
  if (headers.size < maxKeptHeaders) headers.set(t, header);
  return header;
}

/** Gives the bytes of an event frame; `t` is `#commit`, `#sync` …; entries of `body` that are undefined are left out. */
export function encodeFrame(t: string, body: object): Uint8Array {
  return concatBytes([headerOf(t), encode(body)]);
}

/** Gives the bytes of an error frame; the caller closes the connection behind it. */
export function encodeErrorFrame(error: string, message: string | null = null): Uint8Array {
  return concatBytes([errorHeader, encode(message === null ? { error } : { error, message })]);
}

/**
 * Reads one frame. Unknown header fields are passed by.
 * @throws ProtocolError FrameTooBig above 5,000,000 bytes
 * @throws ProtocolError InvalidFrame when it is not two canonical DAG-CBOR maps, or `op`, `t` or `error` is not what it must be
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > maxFrameBytes) throw new ProtocolError('FrameTooBig', `frame too big: bytes=${bytes.length} max=${maxFrameBytes}`);
  const [header, body] = decodeItems(bytes);
  if (!isCborMap(header) || !isCborMap(body)) throw new ProtocolError('InvalidFrame', 'frame is not two maps');
  if (header['op'] === 1) {
    const t = header['t'];
    if (typeof t !== 'string') throw new ProtocolError('InvalidFrame', 'frame header has no t');
    return { op: 1, t, body };
  }
  if (header['op'] !== -1) throw new ProtocolError('InvalidFrame', 'frame header has an unknown op');
  const { error, message } = body;
  if (typeof error !== 'string') throw new ProtocolError('InvalidFrame', 'error frame has no error name');
  return { op: -1, error, message: typeof message === 'string' ? message : null };
}

function decodeItems(bytes: Uint8Array): CborValue[] {
  try {
    return decodeSequence(bytes, 2);
  } catch (error) {
    if (error instanceof ProtocolError) throw new ProtocolError('InvalidFrame', `frame is not two canonical items: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Tells whether a decoded value is a map. */
export function isCborMap(value: CborValue | undefined): value is CborMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !isCid(value);
}
