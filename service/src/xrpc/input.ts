/**
 * The input of a procedure: media type against the lexicon, body within its bound, JSON into lexicon form, then the lexicon judges.
 * Bodies that are not JSON (blobs, CARs) are handed on as a bounded stream. Not for params.
 * Source: AT Protocol spec "XRPC"; order and texts of the checks as the reference PDS has them.
 */
import type { IncomingMessage } from 'node:http';
import { jsonToLex, ValidationError, type LexXrpcBody } from '@atproto/lexicon';
import { bodyPresence, bodyStream, mediaType, parseJson, readBody } from './body.ts';
import { invalidRequest } from './errors.ts';
import { explainInvalid } from './explain.ts';
import { judge, type Lexicons } from './lexicons.ts';

/** What a handler gets of a body. */
export interface Input {
  /** Validated value in lexicon form, or a Readable of raw bytes; undefined when the method takes none. */
  readonly input: unknown;
  /** The same as plain parsed JSON, just as the caller sent it; undefined when it was no JSON. */
  readonly rawInput: unknown;
  /** Media type without parameters; the any-type when the caller named none where any is allowed; null without input. */
  readonly encoding: string | null;
}

/** Bounds of a body when a route names none, in bytes: JSON as in the reference PDS, blobs likewise. */
const defaultMaxBytes = { json: 153_600, raw: 5_242_880 };

/**
 * Reads the input of a method.
 * @throws XrpcError 400, 413 or 415
 */
export async function readInput(lexicons: Lexicons, nsid: string, request: IncomingMessage, maxBytes: number | undefined): Promise<Input> {
  const def = lexicons.getDefOrThrow(nsid, ['query', 'procedure']);
  if (def.type === 'query' || def.input === undefined) {
    if (bodyPresence(request) === 'present') await assertEmpty(request);
    return { input: undefined, rawInput: undefined, encoding: null };
  }
  const encoding = checkEncoding(request, def.input);
  if (encoding !== 'application/json' || def.input.encoding === '*/*') {
    return { input: bodyStream(request, maxBytes ?? defaultMaxBytes.raw), rawInput: undefined, encoding };
  }
  const bytes = await readBody(request, maxBytes ?? defaultMaxBytes.json);
  // Some clients say JSON with every call and send nothing where nothing needs saying.
  const json = bytes.length === 0 ? {} : parseJson(bytes);
  return { input: validate(lexicons, nsid, json, def.input), rawInput: json, encoding };
}

/** Most bytes that are read to see that an unwanted body is really empty. */
const maxUnwantedBytes = 1_024;

async function assertEmpty(request: IncomingMessage): Promise<void> {
  const body = await readBody(request, maxUnwantedBytes);
  // Some clients send an empty object to every procedure; it says nothing, so it is let pass.
  if (body.length > 0 && body.toString('latin1').trim() !== '{}') throw invalidRequest('A request body was provided when none was expected');
}

function checkEncoding(request: IncomingMessage, body: LexXrpcBody): string {
  const allowed = body.encoding.split(',').map((each) => each.trim());
  const isAnyAllowed = allowed.includes('*/*');
  const encoding = mediaType(request);
  if (bodyPresence(request) === 'missing' && !(isAnyAllowed && encoding !== null)) {
    throw invalidRequest(encoding === null ? 'Request encoding (Content-Type) required but not provided' : 'A request body is expected but none was provided');
  }
  if (isAnyAllowed) return encoding ?? '*/*';
  if (encoding === null) throw invalidRequest('Request encoding (Content-Type) required but not provided');
  if (!allowed.some((each) => each === encoding || (each.endsWith('/*') && encoding.startsWith(each.slice(0, -1))))) {
    throw invalidRequest(`Wrong request encoding (Content-Type): ${encoding.slice(0, 100)}`);
  }
  return encoding;
}

function validate(lexicons: Lexicons, nsid: string, json: unknown, body: LexXrpcBody): unknown {
  const value = toLexiconForm(json);
  if (body.schema === undefined) return value;
  try {
    return judge(() => lexicons.assertValidXrpcInput(nsid, value));
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const { text, path } = explainInvalid(error.message, value, 'Input');
    throw invalidRequest(`${text} at ${path}`);
  }
}

function toLexiconForm(json: unknown): unknown {
  let value: unknown;
  try {
    value = jsonToLex(json);
  } catch {
    throw invalidRequest('body holds a link or bytes value that is not valid');
  }
  assertNothingLeft(value);
  return value;
}

/** The library leaves links and bytes it cannot read as plain objects, and takes integers of any size; nobody should take them for data. */
function assertNothingLeft(value: unknown): void {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) throw invalidRequest('body holds a whole number beyond 2^53 − 1');
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) return value.forEach(assertNothingLeft);
  if (Object.getPrototypeOf(value) !== Object.prototype) return;
  if (Object.hasOwn(value, '$link') || Object.hasOwn(value, '$bytes')) throw invalidRequest('body holds a link or bytes value that is not valid');
  for (const item of Object.values(value)) assertNothingLeft(item);
}
