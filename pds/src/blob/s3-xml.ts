/**
 * Reads the few elements we need from S3's answers.
 * Not an XML parser: S3's own answers are flat, without attributes of meaning, and in UTF-8; whatever else comes gives nothing.
 * Source: the S3 REST API of AWS (ListObjectsV2, CreateMultipartUpload, error responses).
 */

/** One page of a listing. */
export interface ListedPage {
  readonly objects: readonly { readonly key: string; readonly size: number }[];
  /** Where keys were rolled up at a delimiter: the common beginnings, each with the delimiter at its end. */
  readonly prefixes: readonly string[];
  /** Asks for the next page; null on the last one. */
  readonly next: string | null;
}

/** Longest message of an error that is passed on, in characters. */
const maxMessageLength = 200;

/** Reads a page of a listing; null when it is none, or none that can be gone on from: half a listing would be worse than no listing. */
export function pageOf(xml: string): ListedPage | null {
  const isTruncated = first(xml, 'IsTruncated');
  const next = first(xml, 'NextContinuationToken');
  if (!xml.includes('<ListBucketResult') || isTruncated === null || (isTruncated === 'true' && !next)) return null;
  return {
    objects: all(xml, 'Contents').map((entry) => ({ key: first(entry, 'Key') ?? '', size: Number(first(entry, 'Size') ?? Number.NaN) })),
    prefixes: all(xml, 'CommonPrefixes').map((entry) => first(entry, 'Prefix') ?? ''),
    next: isTruncated === 'true' ? next : null,
  };
}

/** Reads an error; both are empty when it is none. The message is AWS's own sentence, which names no secret. */
export function errorOf(xml: string): { code: string; message: string } {
  const [error] = all(xml, 'Error');
  return { code: (first(error ?? '', 'Code') ?? '').slice(0, maxMessageLength), message: (first(error ?? '', 'Message') ?? '').slice(0, maxMessageLength) };
}

/** Gives the text of the first element of a name, or null. */
export function first(xml: string, name: string): string | null {
  const inner = all(xml, name)[0];
  return inner === undefined ? null : decode(inner);
}

/** Gives text that can stand in an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function all(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map(([, inner]) => inner ?? '');
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{2,4}));/g, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return entities[name] ?? whole;
    const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}
