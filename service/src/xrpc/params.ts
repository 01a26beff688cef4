/**
 * Query parameters of a lexicon method: text from the URL becomes integers, booleans and lists, then the lexicon judges.
 * Unknown parameters are ignored; an empty value counts as absent; a list is a repeated key.
 * Not for bodies. Source: AT Protocol specs "XRPC" and "Lexicon"; error texts as the reference PDS gives them.
 */
import { ValidationError, type LexXrpcParameters } from '@atproto/lexicon';
import { invalidRequest, type XrpcError } from './errors.ts';
import { explainInvalid } from './explain.ts';
import { judge, type Lexicons } from './lexicons.ts';

/** Longest query string that is parsed, in characters; a URL is bounded by the head of the request anyway. */
const maxQueryLength = 16_384;

/**
 * Reads and checks the parameters of a method or subscription.
 * @throws XrpcError 400 InvalidRequest "Invalid <nsid> params: …"
 */
export function readParams(lexicons: Lexicons, nsid: string, query: string): Record<string, unknown> {
  const def = lexicons.getDefOrThrow(nsid, ['query', 'procedure', 'subscription']);
  if (query.length > maxQueryLength) throw refuse(nsid, 'query string too long');
  const given = new URLSearchParams(query);
  const params: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(def.parameters?.properties ?? {})) {
    const texts = given.getAll(name).filter((text) => text !== '');
    if (texts.length === 0) continue;
    if (property.type === 'array') params[name] = texts.map((text) => coerce(property.items.type, text));
    else if (texts.length > 1) throw refuse(nsid, `"${name}" is given more than once`);
    else params[name] = coerce(property.type, texts[0] ?? '');
  }
  return validate(lexicons, nsid, params, def.parameters);
}

function validate(lexicons: Lexicons, nsid: string, params: Record<string, unknown>, def: LexXrpcParameters | undefined): Record<string, unknown> {
  if (def === undefined) return {};
  try {
    return judge(() => lexicons.assertValidXrpcParams(nsid, params)) ?? {};
  } catch (error) {
    if (error instanceof ValidationError) throw refuse(nsid, explainInvalid(error.message, params, 'Params').text);
    throw error;
  }
}

/** Text that is no integer or boolean stays text, so that the lexicon's own check refuses it. */
function coerce(type: string, text: string): unknown {
  if (type === 'integer' && /^-?\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function refuse(nsid: string, why: string): XrpcError {
  return invalidRequest(`Invalid ${nsid} params: ${why}`);
}
