/** Where a did:web's document lies, and what counts as one. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { didMethod, isDid, isPlcDid } from '@dunlin/protocol/identity/did';
import { didWebOf, didWebUrl, fetchDidWeb, maxDidDocumentBytes } from '@dunlin/protocol/identity/did-web';
import { readLines, vectorsFolder } from '../../harness/vectors.ts';
import { fakeNetwork, networkError, type FakeAnswer } from './fake-network.ts';

test.each([
  ['did:web:example.com', 'https://example.com/.well-known/did.json', 'https://example.com/.well-known/did.json'],
  ['did:web:Example.COM', 'https://example.com/.well-known/did.json', 'https://example.com/.well-known/did.json'],
  ['did:web:localhost', null, 'http://localhost/.well-known/did.json'],
  ['did:web:localhost%3A2583', null, 'http://localhost:2583/.well-known/did.json'],
  ['did:web:localhost%3a2583', null, 'http://localhost:2583/.well-known/did.json'],
  ['did:web:localhost%3A65536', null, null], ['did:web:localhost:2583', null, null], ['did:web:example.com%3A8443', null, null],
  ['did:web:example.com:user', null, null], ['did:web:example.com%2Fpath', null, null], ['did:web:127.0.0.1', null, null], ['did:web:com', null, null],
  ['did:web:x.local', null, null], ['did:web:x.onion', null, null], ['did:web:evil.com%00', null, null], ['did:web:', null, null], ['did:plc:x', null, null],
])('%s lies at %s, in development at %s', (did, secure, insecure) => {
  expect(didWebUrl(did)).toBe(secure);
  expect(didWebUrl(did, true)).toBe(insecure);
});

test('a host name makes a did:web and that the address again', () => {
  expect(didWebOf('pds.example.com')).toBe('did:web:pds.example.com');
  expect(didWebUrl(didWebOf('localhost:2583'), true)).toBe('http://localhost:2583/.well-known/did.json');
});

test('only did:plc and did:web can be resolved', () => {
  expect(['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:web:example.com', 'did:key:zQ3sh', 'did:plc:EWVI7NXZYOUN6ZHXRHS64OIZ', 'did:plc:ewvi7nxzyoun6zhxrhs64oi1', 'did:plc:ewvi7nxzyoun6zhxrhs64oi', 'x'].map(didMethod))
    .toEqual(['plc', 'web', null, null, null, null, null]);
  expect(isPlcDid('did:plc:ewvi7nxzyoun6zhxrhs64oizz')).toBe(false);
  expect(isDid(`did:web:${'a'.repeat(2_040)}`)).toBe(true);
  expect(isDid(`did:web:${'a'.repeat(2_041)}`)).toBe(false);
});

const vectors = vectorsFolder();
test(vectors ? 'agrees with the interoperability vectors on did syntax' : 'without vectors there is nothing to compare', () => {
  if (!vectors) return;
  expect(readLines(vectors, 'syntax', 'did_syntax_valid.txt').filter((did) => !isDid(did))).toEqual([]);
  expect(readLines(vectors, 'syntax', 'did_syntax_invalid.txt').filter((did) => isDid(did))).toEqual([]);
});

const did = 'did:web:example.com';
async function fetchWith(answer: FakeAnswer): Promise<string | null> {
  const network = fakeNetwork();
  network.pages.set('https://example.com/.well-known/did.json', answer);
  const document = await fetchDidWeb(did, { fetch: network.fetch, clock: new ManualClock(), timeoutMs: 1_000, allowInsecure: false });
  return document?.did ?? null;
}

test.each<[string, FakeAnswer, string | null]>([
  ['a document', { id: did }, did],
  ['a document of somebody else', { id: 'did:web:evil.com' }, null],
  ['a page', '<html>', null],
  ['404', new Response('', { status: 404 }), null],
  ['403', new Response('', { status: 403 }), null],
  ['a redirect', () => new Response('', { status: 302, headers: { location: 'https://x.test' } }), null],
  ['a document of the largest size', () => new Response(JSON.stringify({ id: did, x: 'x'.repeat(maxDidDocumentBytes - JSON.stringify({ id: did, x: '' }).length) })), did],
  ['a document one byte larger', () => new Response(JSON.stringify({ id: did, x: 'x'.repeat(maxDidDocumentBytes + 1 - JSON.stringify({ id: did, x: '' }).length) })), null],
  ['bytes that are not text', () => new Response(new Uint8Array([0x22, 0xff, 0x22])), null],
])('%s gives %s', async (_name, answer, expected) => {
  expect(await fetchWith(answer)).toBe(expected);
});

test.each<[string, FakeAnswer]>([
  ['500', () => new Response('', { status: 500 })], ['429', () => new Response('', { status: 429 })], ['no name', networkError('ENOTFOUND')], ['no connection', networkError('ECONNREFUSED')],
])('%s is not taken for "no document"', async (_name, answer) => {
  await expect(fetchWith(answer)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
});
