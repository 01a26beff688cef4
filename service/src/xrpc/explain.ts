/**
 * Puts a validation fault of @atproto/lexicon into the words the field knows: 'Missing required key "repo"',
 * 'Invalid DID (got "xx")', 'Expected string value type (got 5) at $.record.text'.
 * Not for validating. A fault without a better text keeps the library's own. Source: answers of the reference PDS.
 */

/** Longest piece of a caller's value that is repeated to it, in characters. */
const maxShownLength = 256;

const formatNames: Readonly<Record<string, string>> = {
  'must be a valid did': 'DID',
  'must be a valid handle': 'handle',
  'must be a valid did or a handle': 'AT identifier',
  'must be a valid at-uri': 'at-uri',
  'must be a valid nsid': 'NSID',
  'must be a cid string': 'CID string',
  'must be a valid TID': 'TID string',
  'must be a valid Record Key': 'record key',
  'must be a uri': 'uri',
  'must be a well-formed BCP 47 language tag': 'language',
  'must be an valid atproto datetime (both RFC-3339 and ISO-8601)': 'datetime',
};

const typeNames: Readonly<Record<string, string>> = {
  'must be a string': 'string', 'must be an integer': 'integer', 'must be a boolean': 'boolean', 'must be an array': 'array',
  'must be an object': 'object', 'must be a byte array': 'bytes', 'must be a CID': 'cid', 'should be a blob ref': 'blob',
};

/** Where a fault lies and what is wrong there. */
export interface Explanation {
  readonly text: string;
  /** Path inside the value, such as '$.record.text'; '$' is the value itself. */
  readonly path: string;
}

/**
 * Explains a fault's message about `value`. The library begins messages with a path: `rootName/a/0` for a body,
 * a bare key for a parameter. `at` is what '$' stands for, such as '$.record'.
 */
export function explainInvalid(message: string, value: unknown, rootName: string, at = '$'): Explanation {
  const [, place = '', what = message] = /^(\S+) (.*)$/s.exec(message) ?? [];
  const keys = place.split('/');
  if (keys[0] === rootName) keys.shift();
  const path = keys.reduce((path, key) => path + pathStep(key), at);
  const found = keys.reduce<unknown>(stepInto, value);
  return { text: reword(what, found) ?? message, path };
}

function pathStep(key: string): string {
  if (/^\d+$/.test(key)) return `[${key}]`;
  return /^[a-zA-Z_$][a-zA-Z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function stepInto(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

function reword(what: string, found: unknown): string | null {
  const missing = /^must have the property "(.*)"$/s.exec(what);
  if (missing) return `Missing required key "${missing[1]}"`;
  const format = formatNames[what];
  if (format !== undefined) return `Invalid ${format} (got ${show(found)})`;
  const type = typeNames[what];
  if (type !== undefined) return `Expected ${type} value type (got ${show(found)})`;
  const bound = /^can not be (greater|less) than (-?\d+)$/.exec(what);
  if (bound) return `integer too ${bound[1] === 'greater' ? 'big (maximum' : 'small (minimum'} ${bound[2]}, got ${show(found)})`;
  const length = /^must not (?:be|have) (longer|larger|more|shorter|smaller|fewer) than (\d+) (characters|graphemes|bytes|elements)$/.exec(what);
  if (length) return rewordLength(length, found);
  const options = /^must be one of \((.*)\)$/s.exec(what);
  return options ? `Expected one of ${(options[1] ?? '').split('|').map((each) => JSON.stringify(each)).join(', ')} (got ${show(found)})` : null;
}

function rewordLength([, how = '', bound = '', unit = '']: RegExpExecArray, found: unknown): string {
  const kind = unit === 'characters' ? 'string' : unit === 'graphemes' ? 'grapheme' : unit === 'bytes' ? 'bytes' : 'array';
  const isTooBig = how === 'longer' || how === 'larger' || how === 'more';
  const length = typeof found === 'string' ? (unit === 'graphemes' ? [...new Intl.Segmenter().segment(found)].length : Buffer.byteLength(found))
    : found instanceof Uint8Array || Array.isArray(found) ? found.length : 'another';
  return isTooBig ? `${kind} too big (maximum ${bound}, got ${length})` : `${kind} too small (minimum ${bound}, got ${length})`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > maxShownLength ? `${value.slice(0, maxShownLength - 1)}…` : value);
  if (Array.isArray(value)) return 'array';
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value);
  return typeof value;
}
