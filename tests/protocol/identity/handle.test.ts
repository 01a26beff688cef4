/** Which DID a handle names: DNS first, then the web, and what counts as an answer. */
import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { lookUpHandle, maxTxtRecords, maxWellKnownBytes } from '@dunlin/protocol/identity/handle';
import { isReservedHost, parseHandle } from '@dunlin/protocol/identity/handle-syntax';
import { readLines, vectorsFolder } from '../../harness/vectors.ts';
import { fakeNetwork, networkError, type FakeAnswer } from './fake-network.ts';

const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const other = 'did:plc:yk4dd2qkboz2yv6tpubpc6co';

async function lookUp(o: { handle?: string; txt?: string[][] | Error; web?: FakeAnswer; allowInsecure?: boolean }): Promise<{ found: string | null; asked: string[] }> {
  const network = fakeNetwork();
  const handle = o.handle ?? 'alice.example.com';
  if (o.txt) network.txt.set(`_atproto.${handle}`, o.txt);
  if (o.web) network.pages.set(`${handle.endsWith('.test') ? 'http' : 'https'}://${handle}/.well-known/atproto-did`, o.web);
  const found = await lookUpHandle(handle, { ...network, clock: new ManualClock(), timeoutMs: 1_000, allowInsecure: o.allowInsecure ?? false });
  return { found, asked: network.asked };
}

describe('DNS', () => {
  test('is believed before the web is asked', async () => {
    expect(await lookUp({ txt: [['v=spf1'], [`did=${did}`]], web: other })).toEqual({ found: did, asked: ['txt _atproto.alice.example.com'] });
  });

  test.each<[string, string[][], string | null]>([
    ['a record in pieces', [['did=did:plc:', 'ewvi7nxzyoun6zhxrhs64oiz']], did],
    ['the same record twice', [[`did=${did}`], [`did=${did}`]], did],
    ['two records with different dids', [[`did=${did}`], [`did=${other}`]], null],
    ['a good and a broken record', [['did=nonsense'], [`did=${did}`]], did],
    ['more records than are looked at', Array.from({ length: maxTxtRecords + 1 }, () => [`did=${did}`]), null],
    ['as many records as are looked at', [[`did=${did}`], ...Array.from({ length: maxTxtRecords - 1 }, () => ['x'])], did],
  ])('%s gives %s', async (_name, txt, expected) => {
    expect((await lookUp({ txt })).found).toBe(expected);
  });

  test('with a conflict ends the matter', async () => {
    expect(await lookUp({ txt: [[`did=${did}`], [`did=${other}`]], web: did })).toMatchObject({ found: null, asked: ['txt _atproto.alice.example.com'] });
  });

  test('has no room for the longest handles', async () => {
    const handle = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(59)}.com`;
    expect(`_atproto.${handle}`.length).toBe(255);
    expect(await lookUp({ handle, web: did })).toMatchObject({ found: did, asked: [expect.stringContaining('https://')] });
  });
});

describe('the web', () => {
  test.each<[string, FakeAnswer, string | null]>([
    ['a did', did, did], ['a did among blanks', `\r\n ${did} \n`, did], ['a did:web', 'did:web:example.com', 'did:web:example.com'],
    ['a did of another method', 'did:key:zQ3sh', null], ['two dids', `${did}\n${other}`, null], ['a page', '<html>', null], ['nothing', '', null],
    ['404', () => new Response(did, { status: 404 }), null], ['403', () => new Response(did, { status: 403 }), null], ['203', () => new Response(did, { status: 203 }), did],
    ['the largest body', () => new Response(did.padEnd(maxWellKnownBytes)), did], ['a larger one', () => new Response(did.padEnd(maxWellKnownBytes + 1)), null],
    ['no such name', networkError('ENOTFOUND'), null],
  ])('%s gives %s', async (_name, web, expected) => {
    expect((await lookUp({ web })).found).toBe(expected);
  });

  test.each<[string, FakeAnswer]>([['500', () => new Response('', { status: 503 })], ['429', () => new Response('', { status: 429 })], ['no connection', networkError('ECONNREFUSED')], ['a broken certificate', networkError('CERT_HAS_EXPIRED')]])(
    '%s is a fault', async (_name, web) => {
      await expect(lookUp({ web })).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    });
});

test('a DNS fault is forgotten when the web knows, and told when it does not', async () => {
  const txt = Object.assign(new Error('queryTxt ESERVFAIL'), { code: 'ESERVFAIL' });
  expect((await lookUp({ txt, web: did })).found).toBe(did);
  await expect(lookUp({ txt })).rejects.toMatchObject({ code: 'IdentityUnavailable', message: expect.stringContaining('ESERVFAIL') });
});

test.each(['alice.local', 'alice.onion', 'handle.invalid', 'x.arpa', 'alice.test', 'Alice.example.com', 'localhost', 'x..com', ''])('%j is never asked for', async (handle) => {
  expect(await lookUp({ handle, txt: [[`did=${did}`]], web: did })).toEqual({ found: null, asked: [] });
});

test('.test resolves in development only, over plain http', async () => {
  expect(await lookUp({ handle: 'alice.test', web: did, allowInsecure: true })).toEqual({ found: did, asked: ['txt _atproto.alice.test', 'http://alice.test/.well-known/atproto-did'] });
});

test('a name server that never answers is given up at the deadline', async () => {
  const clock = new ManualClock();
  const network = fakeNetwork();
  const looking = lookUpHandle('alice.example.com', { fetch: network.fetch, resolveTxt: () => new Promise(() => undefined), clock, timeoutMs: 1_000, allowInsecure: false });
  const failing = expect(looking).rejects.toMatchObject({ code: 'IdentityUnavailable', message: expect.stringContaining('txt _atproto') });
  clock.advance(1_000);
  await failing;
});

const vectors = vectorsFolder();
test(vectors ? 'agrees with the interoperability vectors on handle syntax' : 'without vectors there is nothing to compare', () => {
  if (!vectors) return;
  expect(readLines(vectors, 'syntax', 'handle_syntax_valid.txt').filter((handle) => parseHandle(handle) !== handle.toLowerCase())).toEqual([]);
  expect(readLines(vectors, 'syntax', 'handle_syntax_invalid.txt').filter((handle) => parseHandle(handle) !== null)).toEqual([]);
  expect(isReservedHost('laptop.local')).toBe(true);
});
