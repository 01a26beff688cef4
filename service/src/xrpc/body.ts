/**
 * Reads request bodies within bounds: the declared length before a byte is read, the counted length while reading,
 * the unpacked length when the body is compressed, the depth of JSON before anybody walks it.
 * Not for checking a body against its lexicon: that is route.ts. Source: ours; error texts as the reference PDS gives them.
 */
import type { IncomingMessage } from 'node:http';
import { Transform, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { maxCborDepth } from '@dunlin/protocol/base/limits';
import { invalidRequest, payloadTooLarge, XrpcError } from './errors.ts';

/** Whether a request carries a body: none declared, declared empty, or some bytes (chunked may still prove empty). */
export function bodyPresence(request: IncomingMessage): 'missing' | 'empty' | 'present' {
  if (request.headers['transfer-encoding'] !== undefined) return 'present';
  if (request.headers['content-length'] === undefined) return 'missing';
  return request.headers['content-length'] === '0' ? 'empty' : 'present';
}

/** Gives the media type without parameters, in lower case; null when there is none. */
export function mediaType(request: IncomingMessage): string | null {
  const declared = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return declared === undefined || declared === '' ? null : declared;
}

/**
 * Gives the unpacked body as a stream that fails with 413 after `maxBytes`.
 * The reader must read or destroy it; when the client goes away it fails.
 * @throws XrpcError 413 when the declared length is already too large, 415 on an unknown content encoding, 400 when the client has gone
 */
export function bodyStream(request: IncomingMessage, maxBytes: number): Readable {
  return countedStream(request, maxBytes, unpackerFor);
}

/**
 * Gives the body as it was sent, packed or not, as a stream that fails with 413 after `maxBytes`; for bodies that are passed on.
 * @throws XrpcError 413 when the declared length is already too large, 400 when the client has gone
 */
export function rawBodyStream(request: IncomingMessage, maxBytes: number): Readable {
  return countedStream(request, maxBytes, () => null);
}

function countedStream(request: IncomingMessage, maxBytes: number, makeUnpacker: (request: IncomingMessage) => Transform | null): Readable {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw payloadTooLarge(maxBytes);
  // Its sender went away while something else was waited for: nothing more would ever be heard of it.
  if (request.destroyed) throw invalidRequest('request was cut short');
  let countedBytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      countedBytes += chunk.length;
      if (countedBytes > maxBytes) done(payloadTooLarge(maxBytes));
      else done(null, chunk);
    },
  });
  // A reader may have gone away: without this its fault would be nobody's and end the process.
  counter.on('error', () => undefined);
  const unpacker = makeUnpacker(request);
  if (unpacker === null) request.pipe(counter);
  else {
    request.pipe(unpacker).pipe(counter);
    unpacker.on('error', () => counter.destroy(invalidRequest('request body could not be unpacked')));
    counter.once('close', () => unpacker.destroy());
  }
  request.once('close', () => {
    if (!request.complete) counter.destroy(invalidRequest('request was cut short'));
  });
  return counter;
}

function unpackerFor(request: IncomingMessage): Transform | null {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  switch (encoding) {
    case '': case 'identity': return null;
    case 'gzip': case 'x-gzip': return createGunzip();
    case 'deflate': return createInflate();
    case 'br': return createBrotliDecompress();
    default: throw new XrpcError(415, 'UnsupportedMediaType', 'unsupported content-encoding');
  }
}

/**
 * Reads the whole unpacked body into memory.
 * @throws XrpcError 413 beyond `maxBytes`, 400 when the body cannot be unpacked or was cut short
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return await readPlainBody(request, maxBytes);
  const chunks: Buffer[] = [];
  for await (const chunk of bodyStream(request, maxBytes)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Reads what is not packed without a stream in between, which cost more than the rest of a small call's reading. */
function readPlainBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw payloadTooLarge(maxBytes);
  if (request.destroyed) throw invalidRequest('request was cut short');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let countedBytes = 0;
    const settle = (finish: () => void): void => {
      request.off('data', take).off('end', end).off('close', cut);
      finish();
    };
    const take = (chunk: Buffer): void => {
      countedBytes += chunk.length;
      chunks.push(chunk);
      if (countedBytes <= maxBytes) return;
      request.pause();
      settle(() => reject(payloadTooLarge(maxBytes)));
    };
    const end = (): void => settle(() => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    const cut = (): void => settle(() => reject(invalidRequest('request was cut short')));
    // Stays on: a connection that fails later must not end the process for want of a listener.
    request.on('data', take).on('end', end).on('close', cut).on('error', cut);
  });
}

/** Keeps nothing from one call to the next, so one serves all. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses JSON text from outside: UTF-8, bounded depth, no `__proto__` keys.
 * @throws XrpcError 400 SyntaxError with the parser's own sentence, InvalidRequest when too deep
 */
export function parseJson(bytes: Uint8Array, maxDepth = maxCborDepth): unknown {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw invalidRequest(error instanceof SyntaxError ? error.message : 'body is not UTF-8', error instanceof SyntaxError ? 'SyntaxError' : 'InvalidRequest');
  }
  checkJson(value, maxDepth);
  return value;
}

function checkJson(value: unknown, depthLeft: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depthLeft === 0) throw invalidRequest('JSON is nested too deeply');
  if (Array.isArray(value)) {
    for (const item of value) checkJson(item, depthLeft - 1);
    return;
  }
  // Later steps copy objects key by key; this key would set a prototype there instead of a field.
  if (Object.hasOwn(value, '__proto__')) throw invalidRequest('JSON has a key that is not allowed: "__proto__"');
  for (const item of Object.values(value)) checkJson(item, depthLeft - 1);
}

/** Most bytes of an unread body that are thrown away to keep the connection, before it is cut. */
const maxDiscardBytes = 4_194_304;

/** Throws away what is left of a request's body, within a bound, so that the answer can reach a client that is still sending. */
export function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let discardedBytes = 0;
  request.unpipe();
  request.on('data', (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > maxDiscardBytes) request.destroy();
  });
  request.resume();
}
