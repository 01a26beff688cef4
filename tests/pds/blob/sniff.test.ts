/** The kind of a file by its first bytes. */
import { expect, test } from '@jest/globals';
import { blobMimeType, sniffMimeType } from '../../../pds/src/blob/sniff.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

test.each([
  ['\x89PNG\r\n\x1a\n....', 'image/png'],
  ['\xff\xd8\xff\xe0....', 'image/jpeg'],
  ['GIF89a....', 'image/gif'],
  ['RIFF....WEBPVP8 ', 'image/webp'],
  ['RIFF....WAVEfmt ', 'audio/wav'],
  ['....ftypisom', 'video/mp4'],
  ['....ftypavif', 'image/avif'],
  ['....ftypqt  ', 'video/quicktime'],
  ['\x1a\x45\xdf\xa3....', 'video/webm'],
  ['%PDF-1.7', 'application/pdf'],
])('%j is %s', (head, type) => {
  expect(sniffMimeType(bytes(head))).toBe(type);
});

test.each([['', null], ['plain text', null], ['\x89PNG', null], ['<svg xmlns="http://www.w3.org/2000/svg">', null]])('%j is of no kind known here', (head, type) => {
  expect(sniffMimeType(bytes(head))).toBe(type);
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
