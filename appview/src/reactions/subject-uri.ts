/**
 * The normal form of what can be reacted to, so that two apps land on one count:
 * an AT-URI, a web page, or an external id. Purely by syntax: nothing is fetched and no redirect or canonical link is followed,
 * for a page could then merge its counts with another's.
 * Source: ours; vectors in tests/appview/reactions/subject-uri.vectors.json; AT-URI syntax is the AT Protocol's.
 */
import { ensureValidAtUri } from '@atproto/syntax';

/** A subject in its normal form. `fragment` is what stood after # in a web address and is not part of the count. */
export type Subject =
  | { readonly kind: 'record'; readonly uri: string }
  | { readonly kind: 'web'; readonly uri: string; readonly fragment: string | null }
  | { readonly kind: 'external'; readonly uri: string };

/** Longest subject in UTF-8 bytes: 2,048 for records and pages, 512 for external ids (lexicon of reaction). */
export const maxSubjectBytes = 2048;
const maxExternalBytes = 512;

/** Query parameters that tell who sent a visitor, never what page it is. Names in lower case; a final * is a prefix. */
export const droppedParameters: readonly string[] = [
  'utm_*', 'mc_*', 'fbclid', 'gclid', 'gclsrc', 'dclid', 'gbraid', 'wbraid', 'msclkid', 'yclid', 'twclid', 'ttclid', 'li_fat_id',
  'igshid', 'igsh', 'mkt_tok', '_hsenc', '_hsmi', 'vero_id', 'oly_anon_id', 'oly_enc_id', 'wt_mc', 'ref_src', 'ref_url', 's_cid',
];
const droppedNames = new Set(droppedParameters.filter((name) => !name.endsWith('*')));
const droppedPrefixes = droppedParameters.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));

/** External ids by scheme, each with the part of its normal form that is not simply verbatim. */
const externalForms: Readonly<Record<string, (rest: string) => string>> = {
  nostr: (rest) => rest.toLowerCase(),
  isbn: (rest) => rest.replace(/-/g, '').toUpperCase(),
  issn: (rest) => rest.toUpperCase(),
  doi: (rest) => rest.toLowerCase(),
  isan: (rest) => rest.toUpperCase(),
  podcast: (rest) => rest,
  'ap+https': (rest) => rest,
  ipfs: (rest) => rest,
  geo: (rest) => rest,
  urn: (rest) => rest,
};

/** Pages that show one record and say so in their address: a link and the record then share a count. DIDs only; handles move. */
const recordPages: readonly { readonly host: string; readonly path: RegExp; readonly collection: string }[] = [
  { host: 'bsky.app', path: /^\/profile\/(did:[a-z]+:[^/]+)\/post\/([^/]+)$/, collection: 'app.bsky.feed.post' },
  { host: 'bsky.app', path: /^\/profile\/(did:[a-z]+:[^/]+)\/feed\/([^/]+)$/, collection: 'app.bsky.feed.generator' },
  { host: 'bsky.app', path: /^\/profile\/(did:[a-z]+:[^/]+)\/lists\/([^/]+)$/, collection: 'app.bsky.graph.list' },
];

const utf8 = new TextEncoder();

/** Gives the normal form of a subject, or null when it is of no kind that can be reacted to. AT-URIs must name a DID, not a handle. */
export function normalSubject(text: string): Subject | null {
  if (text.length > maxSubjectBytes || utf8.encode(text).length > maxSubjectBytes) return null;
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007F]/.test(text)) return null;
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1].toLowerCase();
  if (scheme === undefined) return null;
  if (scheme === 'at') return recordSubject(text);
  if (scheme === 'https' || scheme === 'http') return webSubject(text);
  return externalSubject(scheme, text);
}

function recordSubject(text: string): Subject | null {
  if (!text.startsWith('at://did:') || text.includes('#') || text.includes('?')) return null;
  const uri = text.replace(/\/$/, '');
  try {
    ensureValidAtUri(uri);
  } catch {
    return null;
  }
  return { kind: 'record', uri };
}

function webSubject(text: string): Subject | null {
  const parsed = URL.parse(text.replace(/^http:/i, 'https:').replace(/^(https:\/\/[^/?#]*):80(?=[/?#]|$)/i, /^http:/i.test(text) ? '$1' : '$&'));
  if (parsed === null || parsed.hostname === '') return null;
  const path = decodeUnreserved(parsed.pathname);
  const record = recordOfPage(parsed.hostname, path);
  if (record !== null) return { kind: 'record', uri: record };
  const query = normalQuery(parsed.search.slice(1));
  const uri = `https://${parsed.host}${path}${query === '' ? '' : `?${query}`}`;
  if (uri.length > maxSubjectBytes) return null;
  return { kind: 'web', uri, fragment: parsed.hash === '' ? null : parsed.hash.slice(1) };
}

function recordOfPage(host: string, path: string): string | null {
  for (const page of recordPages) {
    const match = page.host === host ? page.path.exec(path) : null;
    const subject = match && recordSubject(`at://${match[1]}/${page.collection}/${match[2]}`);
    if (subject) return subject.uri;
  }
  return null;
}

function normalQuery(search: string): string {
  return search
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => ({ pair: decodeUnreserved(pair), name: decodeUnreserved(pair.split('=', 1)[0]) }))
    .filter(({ name }) => !isDropped(name.toLowerCase()))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ pair }) => pair)
    .join('&');
}

function isDropped(name: string): boolean {
  return droppedNames.has(name) || droppedPrefixes.some((prefix) => name.startsWith(prefix));
}

/** Decodes %41 to A and the like; writes the other escapes in capitals and a % that escapes nothing as %25. */
function decodeUnreserved(text: string): string {
  return text.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
  });
}

function externalSubject(scheme: string, text: string): Subject | null {
  const form = Object.hasOwn(externalForms, scheme) ? externalForms[scheme] : undefined;
  const rest = text.slice(scheme.length + 1);
  if (form === undefined || rest === '') return null;
  const uri = `${scheme}:${form(rest)}`;
  return utf8.encode(uri).length > maxExternalBytes ? null : { kind: 'external', uri };
}
