/**
 * By what first bytes kinds of files are known, where some fixed bytes at fixed places say it.
 * Only what says it beyond doubt: a text that begins with two letters by chance is none. Texts are not here: what they are says who uploads them.
 * What needs more than a look at fixed places: `sniff.ts`. Source: each format's own specification; names of types as the reference PDS
 * gives them where it knows the kind, else IANA's.
 */

/** Fixed bytes, as Latin-1 text, by where they stand in the file; all of them must be there. */
export interface Signature {
  readonly mimeType: string;
  readonly parts: readonly (readonly [offset: number, bytes: string])[];
}

function begins(mimeType: string, ...bytes: readonly string[]): Signature[] {
  return bytes.map((each) => ({ mimeType, parts: [[0, each]] }));
}

function chunked(mimeType: string, container: string, kind: string): Signature {
  return { mimeType, parts: [[0, container], [8, kind]] };
}

/** The signatures, the more telling first. */
export const signatures: readonly Signature[] = [
  ...begins('image/png', '\x89PNG\r\n\x1a\n'),
  ...begins('image/jpeg', '\xff\xd8\xff'),
  ...begins('image/gif', 'GIF87a', 'GIF89a'),
  chunked('image/webp', 'RIFF', 'WEBPVP8'),
  ...begins('image/tiff', 'II*\0', 'MM\0*', 'II+\0', 'MM\0+'),
  ...begins('image/jxl', '\xff\x0a', '\0\0\0\x0cJXL \r\n\x87\n'),
  ...begins('image/vnd.adobe.photoshop', '8BPS\0\x01', '8BPS\0\x02'),
  // Two letters, then a length, then four bytes that are zero.
  { mimeType: 'image/bmp', parts: [[0, 'BM'], [6, '\0\0\0\0']] },
  chunked('audio/wav', 'RIFF', 'WAVE'),
  chunked('audio/aiff', 'FORM', 'AIFF'),
  chunked('audio/aiff', 'FORM', 'AIFC'),
  ...begins('audio/mpeg', 'ID3'),
  ...begins('audio/flac', 'fLaC'),
  ...begins('audio/midi', 'MThd\0\0\0\x06'),
  ...begins('audio/amr', '#!AMR\n', '#!AMR-WB\n'),
  ...begins('audio/x-caf', 'caff\0\x01'),
  chunked('video/vnd.avi', 'RIFF', 'AVI '),
  // A program stream, and video without one.
  ...begins('video/mpeg', '\0\0\x01\xba', '\0\0\x01\xb3'),
  { mimeType: 'video/mp2t', parts: [[0, 'G'], [188, 'G'], [376, 'G']] },
  { mimeType: 'video/mp2t', parts: [[4, 'G'], [196, 'G'], [388, 'G']] },
  ...begins('video/x-flv', 'FLV\x01'),
  ...begins('application/pdf', '%PDF-'),
  ...begins('application/postscript', '%!PS-'),
  ...begins('application/rtf', '{\\rtf'),
  ...begins('application/gzip', '\x1f\x8b'),
  ...begins('application/x-bzip2', ...Array.from('123456789', (level) => `BZh${level}1AY&SY`)),
  ...begins('application/x-xz', '\xfd7zXZ\0'),
  ...begins('application/zstd', '\x28\xb5\x2f\xfd'),
  ...begins('application/x-lz4', '\x04\x22\x4d\x18'),
  ...begins('application/x-7z-compressed', '7z\xbc\xaf\x27\x1c'),
  ...begins('application/x-rar-compressed', 'Rar!\x1a\x07\0', 'Rar!\x1a\x07\x01\0'),
  { mimeType: 'application/x-tar', parts: [[257, 'ustar']] },
  ...begins('application/wasm', '\0asm'),
  ...begins('application/x-elf', '\x7fELF'),
  ...begins('application/x-mach-binary', '\xcf\xfa\xed\xfe', '\xce\xfa\xed\xfe'),
  ...begins('application/x-sqlite3', 'SQLite format 3\0'),
  ...begins('font/woff2', 'wOF2'),
  ...begins('font/woff', 'wOFF'),
  ...begins('font/otf', 'OTTO\0'),
  ...begins('font/collection', 'ttcf\0\x01\0\0', 'ttcf\0\x02\0\0'),
  ...begins('model/gltf-binary', 'glTF\x01\0\0\0', 'glTF\x02\0\0\0'),
];

/** Brands of the ISO media container (`ftyp` box) that are not plain MP4 video. */
export const mediaBrands: Readonly<Record<string, string>> = {
  'avif': 'image/avif', 'avis': 'image/avif',
  'heic': 'image/heic', 'heix': 'image/heic', 'heim': 'image/heic', 'heis': 'image/heic',
  'hevc': 'image/heic-sequence', 'hevx': 'image/heic-sequence',
  'mif1': 'image/heif', 'msf1': 'image/heif-sequence',
  'qt  ': 'video/quicktime',
  'M4A ': 'audio/mp4', 'M4B ': 'audio/mp4', 'F4A ': 'audio/mp4', 'F4B ': 'audio/mp4',
};

/** Brands of JPEG 2000, which has a box of its own before `ftyp`. */
export const jpeg2000Brands: Readonly<Record<string, string>> = { 'jp2 ': 'image/jp2', 'jpx ': 'image/jpx', 'jpm ': 'image/jpm', 'mjp2': 'image/mj2' };

/** What stands at the beginning of the first stream of an Ogg file. */
export const oggStreams: readonly (readonly [beginning: string, mimeType: string])[] = [
  ['OpusHead', 'audio/ogg'], ['\x01vorbis', 'audio/ogg'], ['\x7fFLAC', 'audio/ogg'], ['Speex   ', 'audio/ogg'],
  ['\x80theora', 'video/ogg'], ['\x01video\0\0\0', 'video/ogg'],
];
