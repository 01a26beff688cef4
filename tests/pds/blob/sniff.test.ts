/** The kind of a file by its first bytes: of each kind one that is, and beside it one that is almost. */
import { expect, test } from '@jest/globals';
import { blobMimeType, sniffBytes, sniffMimeType } from '../../../pds/src/blob/sniff.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const at = (...parts: [offset: number, text: string][]): string => {
  const head = Buffer.alloc(sniffBytes, '.');
  for (const [offset, text] of parts) head.write(text, offset, 'latin1');
  return head.toString('latin1');
};
const ogg = (stream: string): string => `OggS\0\x02${'\0'.repeat(8)}serialpage....\x01.`.slice(0, 28).padEnd(28, '.') + stream;
/** As ffmpeg writes it: the size of the head in eight bytes, five numbers of one byte, the kind. */
const matroska = (docType: string): string => `\x1a\x45\xdf\xa3\x01${'\0'.repeat(6)}\x23\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82${String.fromCharCode(0x80 + docType.length)}${docType}\x42\x87\x81\x04`;
const zip = (name: string, content: string, method = 0): string => {
  const head = Buffer.alloc(30);
  head.write('PK\x03\x04', 'latin1');
  head.writeUInt16LE(method, 8);
  head.writeUInt32LE(content.length, 18);
  head.writeUInt16LE(name.length, 26);
  return `${head.toString('latin1')}${name}${content}PK\x03\x04`;
};
const program = (signature: string): string => at([0, 'MZ'], [60, '\x80\0\0\0'], [128, signature]);
const icon = (kind: string, count: string, reserved: string): string => `\0\0${kind}\0${count}\0\x10\x10\0${reserved}\x01\0\x20\0....\x16\0\0\0....`;
const trueType = (power: string): string => `\0\x01\0\0\0\x0b\0${String.fromCharCode(0x80)}\0${power}\0\x30....`;

test.each<[type: string, right: string, almost: string]>([
  ['image/png', '\x89PNG\r\n\x1a\n....', '\x89PNG\n\x1a\n....'],
  ['image/jpeg', '\xff\xd8\xff\xe0....', '\xff\xd8\xfe\xe0....'],
  ['image/gif', 'GIF87a....', 'GIF88a....'],
  ['image/gif', 'GIF89a....', 'gif89a....'],
  ['image/webp', 'RIFF....WEBPVP8 ', 'RIFF....WEBQVP8 '],
  ['image/tiff', 'II*\0....', 'II*.....'],
  ['image/tiff', 'MM\0+....', 'MM\0,....'],
  ['image/jxl', '\xff\x0a....', '\xff\x0b....'],
  ['image/jxl', '\0\0\0\x0cJXL \r\n\x87\n', '\0\0\0\x0cJXL \n\n\x87\n'],
  ['image/jp2', '\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ', '\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp9 '],
  ['image/mj2', '\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypmjp2', '\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypmjp9'],
  ['image/vnd.adobe.photoshop', '8BPS\0\x01....', '8BPS\0\x03....'],
  ['image/bmp', 'BM\x46\0\0\0\0\0\0\0\x36\0\0\0', 'BM is a word in a text'],
  ['image/x-icon', icon('\x01', '\x01', '\0'), icon('\x01', '\0', '\0')],
  ['image/x-icon', icon('\x01', '\xff', '\0'), icon('\x01', '\x01', 'x')],
  ['image/avif', '....ftypavif', '....ftyqavif'],
  ['image/heic', '....ftypheic', '....fty'],
  ['image/heif-sequence', '....ftypmsf1', '....ftxpmsf1'],
  ['video/mp4', '....ftypisom', '...ftypisom.'],
  ['video/mp4', '....ftypM4V ', '....FTYPM4V '],
  ['video/3gpp', '....ftyp3gp5', '....ftyx3gp5'],
  ['video/3gpp2', '....ftyp3g2a', '....ftyx3g2a'],
  ['video/quicktime', '....ftypqt  ', '....ftyx'],
  ['video/quicktime', '\0\0\x20\x00moov\0\0', 'The moov'],
  ['video/quicktime', '\0\0\0\x08wide\0\0', '\0\0\0\x08wine\0\0'],
  ['video/quicktime', '\x08\0\0\x08free\0\0', '\x09\0\0\x08free\0\0'],
  ['audio/mp4', '....ftypM4A ', '....ftxpM4A '],
  ['video/webm', matroska('webm'), matroska('webn')],
  ['video/matroska', matroska('matroska'), matroska('matrosk')],
  ['video/webm', '\x1a\x45\xdf\xa3\x87\x42\x82\x84webm', '\x1a\x45\xdf\xa3\x87\x42\x83\x84webm'],
  ['video/vnd.avi', 'RIFF....AVI LIST', 'RIFF....AVJ LIST'],
  ['video/mpeg', '\0\0\x01\xba....', '\0\0\x01\xbb....'],
  ['video/mpeg', '\0\0\x01\xb3....', '\0\0\0\xb3....'],
  ['video/mp2t', at([0, 'G'], [188, 'G'], [376, 'G']), at([0, 'G'], [188, 'G'], [377, 'G'])],
  ['video/mp2t', at([4, 'G'], [196, 'G'], [388, 'G']), at([4, 'G'], [196, 'G'])],
  ['video/x-flv', 'FLV\x01....', 'FLV2....'],
  ['video/ogg', ogg('\x80theora'), ogg('\x80theorb').replace('OggS', 'OggT')],
  ['audio/ogg', ogg('OpusHead'), ogg('OpusHead').replace('S\0', 'S\x01')],
  ['audio/ogg', ogg('\x01vorbis'), ogg('\x01vorbis').replace('OggS', 'oggs')],
  ['application/ogg', ogg('something'), ogg('something').slice(1)],
  ['audio/wav', 'RIFF....WAVEfmt ', 'RIFX....WAVEfmt '],
  ['audio/aiff', 'FORM....AIFCFVER', 'FORM....AIFDFVER'],
  ['audio/mpeg', 'ID3\x04....', 'ID2\x04....'],
  ['audio/mpeg', '\xff\xfb\x90\x44', '\xff\xfb\xf0\x44'],
  ['audio/mpeg', '\xff\xf3\x40\xc0', '\xff\xf3\x4c\xc0'],
  ['audio/mpeg', '\xff\xfd\x90\x44', '\xff\xfeA\0B\0'],
  ['audio/mpeg', '\xff\xe3\x40\xc0', '\xff\xeb\x40\xc0'],
  ['audio/aac', '\xff\xf1\x50\x80', '\xff\xf1\x74\x80'],
  ['audio/aac', '\xff\xf9\x70\x80', '\xff\xe9\x70\x80'],
  ['audio/flac', 'fLaC\0\0\0\x22', 'fLac\0\0\0\x22'],
  ['audio/midi', 'MThd\0\0\0\x06', 'MThd\0\0\0\x07'],
  ['audio/amr', '#!AMR\n....', '#!AMR ....'],
  ['audio/x-caf', 'caff\0\x01\0\0', 'caff\0\x02\0\0'],
  ['application/pdf', '%PDF-1.7', '%PDF 1.7'],
  ['application/postscript', '%!PS-Adobe-3.0', '%!PT-Adobe-3.0'],
  ['application/rtf', '{\\rtf1\\ansi', '{\\rtx1\\ansi'],
  ['application/gzip', '\x1f\x8b\x08....', '\x1f\x8c\x08....'],
  ['application/x-bzip2', 'BZh91AY&SY', 'BZh01AY&SY'],
  ['application/x-bzip2', 'BZh11AY&SY', 'BZh is a word'],
  ['application/x-xz', '\xfd7zXZ\0\0\x04', '\xfd7zXZ.\0\x04'],
  ['application/zstd', '\x28\xb5\x2f\xfd....', '\x27\xb5\x2f\xfd....'],
  ['application/x-lz4', '\x04\x22\x4d\x18....', '\x04\x22\x4d\x19....'],
  ['application/x-7z-compressed', '7z\xbc\xaf\x27\x1c', '7z\xbc\xaf\x27\x1d'],
  ['application/x-rar-compressed', 'Rar!\x1a\x07\x01\0', 'Rar!\x1a\x07\x02\0'],
  ['application/x-tar', at([257, 'ustar\0']), at([258, 'ustar\0'])],
  ['application/zip', 'PK\x03\x04....', 'PK\x03\x05....'],
  ['application/zip', `PK\x05\x06${'\0'.repeat(18)}`, `PK\x05\x07${'\0'.repeat(18)}`],
  ['application/epub+zip', zip('mimetype', 'application/epub+zip'), zip('mimetypf', 'application/epub+zip')],
  ['application/vnd.oasis.opendocument.text', zip('mimetype', 'application/vnd.oasis.opendocument.text'), zip('mimetype', 'application/vnd.oasis.opendocument.text', 8)],
  ['application/wasm', '\0asm\x01\0\0\0', '\0asn\x01\0\0\0'],
  ['application/x-elf', '\x7fELF\x02', '\x7fELG\x02'],
  ['application/x-mach-binary', '\xcf\xfa\xed\xfe', '\xcd\xfa\xed\xfe'],
  ['application/x-msdownload', program('PE\0\0'), program('PE\0.')],
  ['application/x-sqlite3', 'SQLite format 3\0', 'SQLite format 3.'],
  ['font/woff', 'wOFF\0\x01', 'wOFG\0\x01'],
  ['font/woff2', 'wOF2\0\x01', 'wOF3\0\x01'],
  ['font/ttf', trueType('\x03'), trueType('\x04')],
  ['font/otf', 'OTTO\0\x0b', 'OTTO is a name'],
  ['font/collection', 'ttcf\0\x02\0\0', 'ttcf\0\x03\0\0'],
  ['model/gltf-binary', 'glTF\x02\0\0\0', 'glTF\x03\0\0\0'],
])('%s is known, and what is almost such is not', (type, right, almost) => {
  expect(sniffMimeType(bytes(right))).toBe(type);
  expect(sniffMimeType(bytes(almost))).not.toBe(type);
});

test.each(['', '\x89PNG', 'plain text', 'The free lunch', 'GIF', 'MZ and other letters', 'BM', '\xff', '\xff\xfb', '\xff\xfeA\0', '\0\0\x01\0', '\0\x01\0\0', '\x1a\x45\xdf\xa3', '\x1a\x45\xdf\xa3....', '\x1a\x45\xdf\xa3\x87\x42\x82', '\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0\0\0\0', '<svg xmlns="http://www.w3.org/2000/svg">', 'WEBVTT', 'BEGIN:VCALENDAR', '<?xml version="1.0"?>'])('%j is of no kind known here', (head) => {
  expect(sniffMimeType(bytes(head))).toBeNull();
});

test('every head that is cut off anywhere is looked at without fault, and what stands behind the head says nothing', () => {
  const heads = [matroska('matroska'), zip('mimetype', 'application/epub+zip'), icon('\x01', '\x01', '\0'), trueType('\x03'), program('PE\0\0'), ogg('OpusHead'), '\xff\xfb\x90\x44'];
  for (const head of heads) for (let length = 0; length <= head.length; length++) expect(() => sniffMimeType(bytes(head.slice(0, length)))).not.toThrow();
  const far = Buffer.alloc(sniffBytes + 200, '.');
  far.write('MZ', 0, 'latin1');
  far.writeUInt32LE(sniffBytes, 60);
  far.write('PE\0\0', sniffBytes, 'latin1');
  expect(sniffMimeType(far)).toBeNull();
});

test('bytes are read where they lie in a larger buffer', () => {
  const room = bytes(`....${matroska('webm')}`);
  expect(sniffMimeType(room.subarray(4))).toBe('video/webm');
});

test.each<[string | null, string]>([
  [null, 'application/octet-stream'],
  ['*/*', 'application/octet-stream'],
  ['image/*', 'application/octet-stream'],
  ['nonsense', 'application/octet-stream'],
  ['Text/HTML; charset=utf-8', 'text/html'],
  ['application/vnd.ipld.car', 'application/vnd.ipld.car'],
  [`text/${'x'.repeat(300)}`, 'application/octet-stream'],
])('bytes that say nothing are what is declared as %j when that says something', (declared, type) => {
  expect(blobMimeType(bytes('hello'), declared)).toBe(type);
  expect(blobMimeType(bytes('GIF89a'), declared)).toBe('image/gif');
});

test.each<[string, string]>([
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['application/java-archive', 'application/java-archive'],
  ['application/example+zip; x=y', 'application/example+zip'],
  ['application/pdf', 'application/zip'],
  ['image/png', 'application/zip'],
  [`application/vnd.${'x'.repeat(300)}`, 'application/zip'],
])('a zip that is declared as %j is %s', (declared, type) => {
  expect(blobMimeType(bytes('PK\x03\x04....'), declared)).toBe(type);
});
