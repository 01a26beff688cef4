/** The resolver: DIDs of both methods, handles, the way back, and what the network can do to it. */
import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { parseDidDocument } from '@dunlin/protocol/identity/did-document';
import { createIdentityResolver, documentAges, handleAges, type IdentityResolver, type IdentityResolverOptions } from '@dunlin/protocol/identity/resolver';
import { fakeNetwork, networkError, type FakeNetwork } from './fake-network.ts';

const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const other = 'did:plc:yk4dd2qkboz2yv6tpubpc6co';
const plcUrl = 'https://plc.example.com';
const documentOf = (id: string, handle: string, pds = 'https://pds.example.com'): object =>
  ({ id, alsoKnownAs: [`at://${handle}`], service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: pds }] });

function setUp(options: Partial<IdentityResolverOptions> = {}): { resolver: IdentityResolver; network: FakeNetwork; clock: ManualClock } {
  const network = fakeNetwork();
  const clock = new ManualClock();
  return { network, clock, resolver: createIdentityResolver({ plcUrl, fetch: network.fetch, resolveTxt: network.resolveTxt, clock, ...options }) };
}

function webDid(index: number): string {
  return `did:web:h${index}.example.com`;
}

/** A resolver on a network where alice.example.com and a did:plc name each other. */
function withAlice(options: Partial<IdentityResolverOptions> = {}): ReturnType<typeof setUp> {
  const parts = setUp(options);
  parts.network.pages.set(`${plcUrl}/${did}`, documentOf(did, 'alice.example.com'));
  parts.network.txt.set('_atproto.alice.example.com', [[`did=${did}`]]);
  return parts;
}

/** Gives what becomes of a look-up at a server that answers like this, one second later. */
async function afterDeadline(answer: () => Response | Promise<Response>): Promise<unknown> {
  const { resolver, network, clock } = setUp({ timeoutMs: 1_000 });
  network.pages.set('https://slow.example.com/.well-known/did.json', answer);
  const outcome = resolver.resolveDid('did:web:slow.example.com').catch((error: unknown) => error);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  clock.advance(999);
  expect(clock.waiting).toBe(1);
  clock.advance(1);
  expect(clock.waiting).toBe(0);
  return outcome;
}

describe('resolveDid', () => {
  test('asks the directory once for a did:plc and remembers', async () => {
    const { resolver, network } = setUp({ plcUrl: `${plcUrl}/` });
    network.pages.set(`${plcUrl}/${did}`, documentOf(did, 'alice.example.com'));
    expect(await resolver.resolveDid(did)).toMatchObject({ did, handle: 'alice.example.com', pdsUrl: 'https://pds.example.com' });
    await Promise.all([resolver.resolveDid(did), resolver.resolveDid(did)]);
    expect(network.asked).toEqual([`${plcUrl}/${did}`]);
    await resolver.resolveDid(did, { refresh: true });
    expect(network.asked.length).toBe(2);
  });

  test('asks the host of a did:web', async () => {
    const { resolver, network } = setUp();
    network.pages.set('https://example.com/.well-known/did.json', documentOf('did:web:example.com', 'example.com'));
    expect(await resolver.resolveDid('did:web:example.com')).toMatchObject({ handle: 'example.com' });
  });

  test.each([404, 410])('takes %d of the directory for "no such did"', async (status) => {
    const { resolver, network } = setUp();
    network.pages.set(`${plcUrl}/${did}`, () => new Response('{"message":"x"}', { status }));
    expect(await resolver.resolveDid(did)).toBeNull();
    expect(await resolver.resolveDid(did)).toBeNull();
    expect(network.asked.length).toBe(1);
  });

  test.each([
    ['500', () => new Response('', { status: 500 })], ['429', () => new Response('', { status: 429 })], ['a page', 'hello'],
    ['a document of somebody else', documentOf(other, 'x.example.com')], ['an endless document', () => new Response('x'.repeat(70_000))],
    ['a redirect', () => new Response('', { status: 301 })], ['no connection', networkError('ECONNREFUSED')],
  ])('takes %s of the directory for a fault', async (_name, answer) => {
    const { resolver, network } = setUp();
    network.pages.set(`${plcUrl}/${did}`, answer);
    await expect(resolver.resolveDid(did)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
  });

  test.each(['', 'did', 'did:plc:short', 'did:key:zQ3sh', 'did:web:localhost', 'did:web:x.local', 'did:plc:../../etc/passwd......', `did:web:${'a'.repeat(3_000)}`])('%j is nobody, and nobody is asked', async (text) => {
    const { resolver, network } = setUp();
    expect(await resolver.resolveDid(text)).toBeNull();
    expect(network.asked).toEqual([]);
  });

  test('goes on with what it knows while the directory is away, until that is a day old', async () => {
    const { resolver, network, clock } = setUp();
    network.pages.set(`${plcUrl}/${did}`, documentOf(did, 'alice.example.com'));
    await resolver.resolveDid(did);
    network.pages.set(`${plcUrl}/${did}`, networkError('ECONNREFUSED'));
    clock.advance(documentAges.freshMs);
    expect(await resolver.resolveDid(did)).not.toBeNull();
    await expect(resolver.resolveDid(did, { refresh: true })).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    clock.advance(documentAges.staleMs - documentAges.freshMs);
    await expect(resolver.resolveDid(did)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
  });

  test('looks up anew what is remembered for longer than the caller likes, and not before', async () => {
    const { resolver, network, clock } = withAlice();
    await resolver.resolveDid(did);
    clock.advance(10_000);
    await resolver.resolveDid(did, { maxAgeMs: 10_000 });
    expect(network.asked.length).toBe(1);
    clock.advance(1);
    await resolver.resolveDid(did, { maxAgeMs: 10_000 });
    expect(network.asked.length).toBe(2);
  });

  test('did:web hosts that never answer keep nobody from the directory', async () => {
    const { resolver, network } = withAlice({ maxRequests: 2 });
    for (const index of [1, 2]) {
      network.pages.set(`https://h${index}.example.com/.well-known/did.json`, () => new Promise<Response>(() => undefined));
      void resolver.resolveDid(webDid(index));
    }
    await expect(resolver.resolveDid(webDid(3))).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    expect(await resolver.resolveDid(did)).toMatchObject({ did });
  });

  test('put and invalidate set and clear what is remembered', async () => {
    const { resolver, network } = setUp();
    resolver.put(parseDidDocument(did, documentOf(did, 'put.example.com')));
    expect((await resolver.resolveDid(did))?.handle).toBe('put.example.com');
    resolver.invalidate(did);
    network.pages.set(`${plcUrl}/${did}`, documentOf(did, 'new.example.com'));
    expect((await resolver.resolveDid(did))?.handle).toBe('new.example.com');
  });

  test('remembers within its bound of bytes', async () => {
    const { resolver, network } = setUp({ maxBytes: 20_000 });
    for (let index = 0; index < 20; index++) {
      network.pages.set(`https://h${index}.example.com/.well-known/did.json`, { ...documentOf(webDid(index), 'x.example.com'), filler: 'é'.repeat(500) });
      await resolver.resolveDid(webDid(index));
    }
    network.asked.length = 0;
    await resolver.resolveDid(webDid(19));
    expect(network.asked.length).toBe(0);
    await resolver.resolveDid(webDid(0));
    expect(network.asked.length).toBe(1);
  });
});

describe('slow servers', () => {
  test('one that never answers is left at the deadline', async () => {
    expect(await afterDeadline(() => new Promise(() => undefined))).toMatchObject({ code: 'IdentityUnavailable', message: expect.stringContaining('timeoutMs=1000') });
  });

  test('one whose body never ends is left at the deadline, and the body cancelled', async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array([0x7b])), cancel: () => { isCancelled = true; } });
    expect(await afterDeadline(() => new Response(body))).toMatchObject({ code: 'IdentityUnavailable' });
    expect(isCancelled).toBe(true);
  });

  test('one whose body is endless is left at the bound, and the body cancelled', async () => {
    let sent = 0;
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => { sent += 10_000; controller.enqueue(new Uint8Array(10_000)); }, cancel: () => { isCancelled = true; } });
    const { resolver, network, clock } = setUp();
    network.pages.set('https://big.example.com/.well-known/did.json', () => new Response(body));
    expect(await resolver.resolveDid('did:web:big.example.com')).toBeNull();
    expect(isCancelled).toBe(true);
    expect(sent).toBeLessThan(100_000);
    expect(clock.waiting).toBe(0);
  });
});

describe('resolveHandle and verifiedHandle', () => {
  test('a handle names its did, in any case, and is asked for once', async () => {
    const { resolver, network } = withAlice();
    expect(await resolver.resolveHandle('Alice.Example.com')).toBe(did);
    expect(await resolver.resolveHandle('alice.example.com')).toBe(did);
    expect(network.asked).toEqual(['txt _atproto.alice.example.com']);
    expect(await resolver.resolveHandle('not a handle')).toBeNull();
  });

  test('a handle is verified when the way back leads to it', async () => {
    const { resolver } = withAlice();
    expect(await resolver.verifiedHandle(did)).toBe('alice.example.com');
  });

  test('a handle that names somebody else is not', async () => {
    const { resolver, network } = withAlice();
    network.txt.set('_atproto.alice.example.com', [[`did=${other}`]]);
    expect(await resolver.verifiedHandle(did)).toBeNull();
    expect(await resolver.verifiedHandle('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).toBeNull();
  });

  test('a handle that moved is seen at its new did before its old memory is stale', async () => {
    const { resolver, network, clock } = withAlice();
    network.txt.set('_atproto.alice.example.com', [[`did=${other}`]]);
    expect(await resolver.resolveHandle('alice.example.com')).toBe(other);
    network.txt.set('_atproto.alice.example.com', [[`did=${did}`]]);
    clock.advance(handleAges.absentMs + 1);
    expect(await resolver.verifiedHandle(did)).toBe('alice.example.com');
  });

  test('a mismatch does not let anybody make requests at will', async () => {
    const { resolver, network } = withAlice();
    network.txt.set('_atproto.alice.example.com', [[`did=${other}`]]);
    for (let index = 0; index < 50; index++) expect(await resolver.verifiedHandle(did)).toBeNull();
    expect(network.asked.filter((what) => what.startsWith('txt')).length).toBe(1);
  });

  test('a fault is told, not taken for an invalid handle', async () => {
    const { resolver, network } = withAlice();
    network.txt.set('_atproto.alice.example.com', Object.assign(new Error('x'), { code: 'ETIMEOUT' }));
    await expect(resolver.verifiedHandle(did)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
  });

  test('invalidateHandle forgets', async () => {
    const { resolver, network } = withAlice();
    await resolver.resolveHandle('alice.example.com');
    resolver.invalidateHandle('ALICE.example.com');
    await resolver.resolveHandle('alice.example.com');
    expect(network.asked.length).toBe(2);
  });

  test('local handles are answered by their owner', async () => {
    const { resolver, network } = withAlice({ localHandles: async (handle) => handle === 'alice.example.com' ? other : null });
    expect(await resolver.resolveHandle('alice.example.com')).toBe(other);
    expect(await resolver.verifiedHandle(did)).toBeNull();
    expect(await resolver.resolveHandle('bob.example.com')).toBeNull();
    expect(network.asked).toContain('txt _atproto.bob.example.com');
  });

  test("in development the account's own server vouches for a .test handle", async () => {
    const { resolver, network } = setUp({ allowInsecure: true });
    network.pages.set(`${plcUrl}/${did}`, documentOf(did, 'alice.test', 'http://localhost:2583'));
    const question = 'http://localhost:2583/xrpc/com.atproto.identity.resolveHandle?handle=alice.test';
    network.pages.set(question, { did });
    expect(await resolver.verifiedHandle(did)).toBe('alice.test');
    expect(await resolver.verifiedHandle(did)).toBe('alice.test');
    expect(network.asked).toEqual([`${plcUrl}/${did}`, question]);
    network.pages.set(question, { did: other });
    expect(await resolver.verifiedHandle(did, { refresh: true })).toBeNull();
    const strict = setUp();
    strict.network.pages.set(`${plcUrl}/${did}`, documentOf(did, 'alice.test', 'http://localhost:2583'));
    strict.network.pages.set(question, { did });
    expect(await strict.resolver.verifiedHandle(did)).toBeNull();
    expect(strict.network.asked).not.toContain(question);
  });
});
