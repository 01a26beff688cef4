/**
 * Tells what kind of file some bytes are, by their first bytes.
 * Not a validator: a file that begins like a PNG may be broken further on. Knows the kinds that records of the network carry; what fixed
 * bytes at fixed places say stands in `signatures.ts`, the rest is looked for here.
 * Hop 0 of a blob, in `upload.ts`. Source: each format's own specification.
 */
import { jpeg2000Brands, mediaBrands, oggStreams, signatures } from './signatures.ts';

/** How many first bytes of a file `sniffMimeType` wants to see, where the file has so many. */
export const sniffBytes = 512;

/** Gives the MIME type the first bytes speak of, or null when they are of no kind known here. */
export function sniffMimeType(head: Uint8Array): string | null {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, sniffBytes));
  const text = bytes.toString('latin1');
  const found = signatures.find(({ parts }) => parts.every(([offset, part]) => text.startsWith(part, offset)));
  return found?.mimeType ?? mediaType(text) ?? oggType(text) ?? matroskaType(bytes) ?? zipType(bytes, text) ?? mpegAudioType(bytes) ?? iconType(bytes) ?? fontType(bytes) ?? programType(bytes, text);
}

/** Boxes: each has a length, then four letters. */
function mediaType(text: string): string | null {
  if (text.startsWith('\0\0\0\x0cjP  \r\n\x87\n') && text.startsWith('ftyp', 16)) return jpeg2000Brands[text.slice(20, 24)] ?? null;
  const [kind, brand] = [text.slice(4, 8), text.slice(8, 12)];
  if (kind === 'ftyp') {
    if (brand.startsWith('3g2')) return 'video/3gpp2';
    if (/^3g[epr]/.test(brand)) return 'video/3gpp';
    return mediaBrands[brand] ?? 'video/mp4';
  }
  // QuickTime before it had ftyp. The length of a box begins low; a text with such a word in this place does not.
  return text.charCodeAt(0) <= 8 && /^(moov|mdat|wide|free|skip|pnot)$/.test(kind) ? 'video/quicktime' : null;
}

/** The first page of an Ogg file has the beginning of one stream, 28 bytes from its own. */
function oggType(text: string): string | null {
  if (!text.startsWith('OggS\0')) return null;
  return oggStreams.find(([beginning]) => text.startsWith(beginning, 28))?.[1] ?? 'application/ogg';
}

/** The head of an EBML file is a list of elements, one of which says what its kind is. */
function matroskaType(bytes: Buffer): string | null {
  if (bytes.length < 5 || bytes.readUInt32BE(0) !== 0x1a45dfa3) return null;
  const docTypeId = 0x4282;
  let offset = 4 + ebmlLength(bytes[4] ?? 0);
  while (offset + 2 < bytes.length) {
    const idLength = ebmlLength(bytes[offset] ?? 0);
    const sizeAt = offset + idLength;
    const sizeLength = ebmlLength(bytes[sizeAt] ?? 0);
    const contentAt = sizeAt + sizeLength;
    if (idLength > 4 || sizeLength > 6 || contentAt > bytes.length) return null;
    const size = bytes.readUIntBE(sizeAt, sizeLength) - 2 ** (7 * sizeLength);
    if (idLength === 2 && bytes.readUInt16BE(offset) === docTypeId) {
      const docType = bytes.toString('latin1', contentAt, contentAt + size).split('\0', 1)[0];
      return docType === 'webm' ? 'video/webm' : docType === 'matroska' ? 'video/matroska' : null;
    }
    offset = contentAt + size;
  }
  return null;
}

/** How many bytes a number of EBML has, by its first. */
function ebmlLength(first: number): number {
  return Math.clz32(first) - 23;
}

/** A zip may say in its first entry, which is not packed, what is made of it. */
function zipType(bytes: Buffer, text: string): string | null {
  if (text.startsWith('PK\x05\x06')) return 'application/zip';
  if (!text.startsWith('PK\x03\x04')) return null;
  const isNamed = bytes.length >= 38 && bytes.readUInt16LE(8) === 0 && bytes.readUInt16LE(26) === 8 && text.startsWith('mimetype', 30);
  const contentAt = isNamed ? 38 + bytes.readUInt16LE(28) : 0;
  const named = isNamed ? text.slice(contentAt, contentAt + bytes.readUInt32LE(18)) : '';
  return /^application\/(epub\+zip|vnd\.oasis\.opendocument\.[a-z-]{1,40})$/.test(named) ? named : 'application/zip';
}

/** Frames of MPEG audio of layers II and III, and of AAC (layer 0): twelve or eleven bits, then what may not have every value. */
function mpegAudioType(bytes: Buffer): string | null {
  if (bytes.length < 4 || bytes[0] !== 0xff) return null;
  const [second, third] = [bytes[1]!, bytes[2]!];
  const [version, layer] = [(second >> 3) & 3, (second >> 1) & 3];
  if ((second & 0xf0) === 0xf0 && layer === 0) return ((third >> 2) & 15) <= 12 ? 'audio/aac' : null;
  // Layer I begins like a text in UTF-16.
  const isLayer23 = (second & 0xe0) === 0xe0 && (layer === 1 || layer === 2) && version !== 1;
  return isLayer23 && third >> 4 !== 15 && ((third >> 2) & 3) !== 3 ? 'audio/mpeg' : null;
}

/** Icons: how many, then of the first a byte that is zero, and its planes, of which there is one if it is said. */
function iconType(bytes: Buffer): string | null {
  if (bytes.length < 22 || bytes.readUInt32BE(0) !== 0x00000100) return null;
  const count = bytes.readUInt16LE(4);
  return count >= 1 && count <= 255 && bytes[9] === 0 && bytes.readUInt16LE(10) <= 1 ? 'image/x-icon' : null;
}

/** TrueType: how many tables, and three numbers that follow from it. */
function fontType(bytes: Buffer): string | null {
  if (bytes.length < 12 || bytes.readUInt32BE(0) !== 0x00010000) return null;
  const tables = bytes.readUInt16BE(4);
  const power = 31 - Math.clz32(tables);
  return tables > 0 && bytes.readUInt16BE(6) === 16 << power && bytes.readUInt16BE(8) === power ? 'font/ttf' : null;
}

/** Programs for Windows: two letters, and further on two more where a number says. */
function programType(bytes: Buffer, text: string): string | null {
  return bytes.length >= 64 && text.startsWith('MZ') && text.startsWith('PE\0\0', bytes.readUInt32LE(60)) ? 'application/x-msdownload' : null;
}

/** Formats that are zips and do not say in their first bytes which. */
const zipFormats = /^application\/(vnd\.[a-z0-9.+-]+|java-archive|[a-z0-9.-]+\+zip)$/;

/**
 * Gives the type a blob is stored under: what its bytes say, else what the uploader says, else octets.
 * A wildcard such as `*` + `/*` says nothing, so it counts as no statement. What is made of a zip, such as documents, is what is said.
 */
export function blobMimeType(head: Uint8Array, declared: string | null): string {
  const sniffed = sniffMimeType(head);
  const type = declared?.split(';')[0].trim().toLowerCase() ?? '';
  const isMadeOfZip = sniffed === 'application/zip' && type.length <= 255 && zipFormats.test(type);
  if (sniffed !== null && !isMadeOfZip) return sniffed;
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type) && type.length <= 255 ? type : 'application/octet-stream';
}
