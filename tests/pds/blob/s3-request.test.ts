/** Where a bucket is, and what its answers say. That requests are signed and carried well is tested in tests/peers with a real server. */
import { expect, test } from '@jest/globals';
import { baseUrl, encodeKey } from '../../../pds/src/blob/s3-request.ts';
import { errorOf, pageOf } from '../../../pds/src/blob/s3-xml.ts';

test.each<[string, { endpoint: string | null; isPathStyle: boolean }, string]>([
  ['at AWS', { endpoint: null, isPathStyle: false }, 'https://blobs.s3.eu-west-1.amazonaws.com/'],
  ['at AWS, in the path', { endpoint: null, isPathStyle: true }, 'https://s3.eu-west-1.amazonaws.com/blobs'],
  ['elsewhere', { endpoint: 'https://s3.example.org:8443', isPathStyle: false }, 'https://blobs.s3.example.org:8443/'],
  ['elsewhere, in the path, below one', { endpoint: 'https://example.org/s3/', isPathStyle: true }, 'https://example.org/s3/blobs'],
  ['at an address, which has no names below it', { endpoint: 'http://127.0.0.1:9000', isPathStyle: false }, 'http://127.0.0.1:9000/blobs'],
  ['at an address of version 6', { endpoint: 'http://[::1]:9000', isPathStyle: false }, 'http://[::1]:9000/blobs'],
])('a bucket %s has its address', (_where, place, expected) => {
  expect(baseUrl({ bucket: 'blobs', region: 'eu-west-1', ...place }).href).toBe(expected);
});

test('a key is escaped but for its slashes', () => {
  expect(encodeKey('blocks/did:web:localhost%3A2583/a b(c)')).toBe('blocks/did%3Aweb%3Alocalhost%253A2583/a%20b%28c%29');
});

test('a page of a listing is read, with whatever names are in it', () => {
  const entry = (key: string, size: number): string => `<Contents><Key>${key}</Key><LastModified>x</LastModified><Size>${size}</Size></Contents>`;
  const page = (inner: string): string => `<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`;
  expect(pageOf(page(`<IsTruncated>true</IsTruncated>${entry('a/&lt;b&gt;&amp;&#39;&#x41;', 0)}${entry('c', 12)}<NextContinuationToken>1&amp;2</NextContinuationToken>`))).toEqual({
    objects: [{ key: 'a/<b>&\'A', size: 0 }, { key: 'c', size: 12 }], prefixes: [], next: '1&2',
  });
  expect(pageOf(page('<Prefix>blocks/</Prefix><IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken><CommonPrefixes><Prefix>blocks/did:plc:a/</Prefix></CommonPrefixes>'))).toEqual({
    objects: [], prefixes: ['blocks/did:plc:a/'], next: null,
  });
  expect(pageOf(page('<IsTruncated>false</IsTruncated>'))).toEqual({ objects: [], prefixes: [], next: null });
  for (const none of ['not XML at all', '<html>welcome</html>', page(''), page('<IsTruncated>true</IsTruncated>'), '<Other><IsTruncated>false</IsTruncated></Other>']) expect(pageOf(none)).toBeNull();
});

test('an error is read, and nothing else is one', () => {
  expect(errorOf('<Error><Code>NoSuchBucket</Code><Message>there is none</Message><Key>Code</Key></Error>')).toEqual({ code: 'NoSuchBucket', message: 'there is none' });
  for (const text of ['', '<html>502 Bad Gateway</html>', '<CopyObjectResult><ETag>"x"</ETag></CopyObjectResult>']) expect(errorOf(text)).toEqual({ code: '', message: '' });
  expect(errorOf(`<Error><Code>X</Code><Message>${'y'.repeat(10_000)}</Message></Error>`).message).toHaveLength(200);
});
