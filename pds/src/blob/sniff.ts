/**
 * Tells what kind of file some bytes are, by their first bytes.
 * Not a validator: a file that begins like a PNG may be broken further on. Knows the kinds that records of the network carry.
 * Hop 0 of a blob, in `upload.ts`. Source: the magic numbers of each format's own specification.
 */

/** How many first bytes of a file `sniffMimeType` wants to see, where the file has so many. */
export const sniffBytes = 64;

interface Magic {
  readonly mimeType: string;
  readonly offset: number;
  readonly bytes: string;
}

const magics: readonly Magic[] = [
  { mimeType: 'image/png', offset: 0, bytes: '\x89PNG\r\n\x1a\n' },
  { mimeType: 'image/jpeg', offset: 0, bytes: '\xff\xd8\xff' },
  { mimeType: 'image/gif', offset: 0, bytes: 'GIF87a' },
  { mimeType: 'image/gif', offset: 0, bytes: 'GIF89a' },
  { mimeType: 'image/webp', offset: 8, bytes: 'WEBPVP8' },
  { mimeType: 'image/tiff', offset: 0, bytes: 'II*\0' },
  { mimeType: 'image/tiff', offset: 0, bytes: 'MM\0*' },
  { mimeType: 'image/jxl', offset: 0, bytes: '\xff\x0a' },
  { mimeType: 'image/jxl', offset: 0, bytes: '\0\0\0\x0cJXL \r\n\x87\n' },
  { mimeType: 'audio/mpeg', offset: 0, bytes: 'ID3' },
  { mimeType: 'audio/mpeg', offset: 0, bytes: '\xff\xfb' },
  { mimeType: 'audio/ogg', offset: 0, bytes: 'OggS' },
  { mimeType: 'audio/flac', offset: 0, bytes: 'fLaC' },
  { mimeType: 'audio/wav', offset: 8, bytes: 'WAVE' },
  { mimeType: 'video/x-msvideo', offset: 8, bytes: 'AVI ' },
  { mimeType: 'video/webm', offset: 0, bytes: '\x1a\x45\xdf\xa3' },
  { mimeType: 'application/pdf', offset: 0, bytes: '%PDF-' },
  { mimeType: 'application/gzip', offset: 0, bytes: '\x1f\x8b' },
  { mimeType: 'application/zip', offset: 0, bytes: 'PK\x03\x04' },
  { mimeType: 'application/wasm', offset: 0, bytes: '\0asm' },
  { mimeType: 'font/woff2', offset: 0, bytes: 'wOF2' },
  { mimeType: 'font/woff', offset: 0, bytes: 'wOFF' },
];

/** Brands of the ISO media container (`ftyp` box) that are not plain MP4 video. */
const mediaBrands: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  heix: 'image/heic',
  mif1: 'image/heif',
  'qt  ': 'video/quicktime',
  'M4A ': 'audio/mp4',
};

/** Tells whether files of a MIME type show it by their first bytes, or have none at all. */
export function isSniffed(mimeType: string): boolean {
  return mimeType === 'application/octet-stream' || mimeType === 'video/mp4' || magics.some((magic) => magic.mimeType === mimeType) || Object.values(mediaBrands).includes(mimeType);
}

/** Gives the MIME type the first bytes speak of, or null when they are of no kind known here. */
export function sniffMimeType(head: Uint8Array): string | null {
  const text = Buffer.from(head.subarray(0, sniffBytes)).toString('latin1');
  if (text.slice(4, 8) === 'ftyp') return mediaBrands[text.slice(8, 12)] ?? 'video/mp4';
  for (const { mimeType, offset, bytes } of magics) {
    if (text.startsWith(bytes, offset)) return mimeType;
  }
  return null;
}

/**
 * Gives the type a blob is stored under: what its bytes say, else what the uploader says, else octets.
 * A wildcard such as `*` + `/*` says nothing, so it counts as no statement.
 */
export function blobMimeType(head: Uint8Array, declared: string | null): string {
  const sniffed = sniffMimeType(head);
  if (sniffed !== null) return sniffed;
  const type = declared?.split(';')[0].trim().toLowerCase() ?? '';
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type) && type.length <= 255 ? type : 'application/octet-stream';
}
