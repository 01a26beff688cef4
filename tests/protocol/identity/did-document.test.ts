/** Reading DID documents: every shape of the field, and what is refused. */
import { describe, expect, test } from '@jest/globals';
import { uncompressedPoint } from '@dunlin/protocol/crypto/did-key';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { toBase58Multibase } from '@dunlin/protocol/data/multibase';
import { findServiceEndpoint, findVerificationKey, maxDocumentDepth, maxDocumentEntries, parseDidDocument, parseServiceOrigin } from '@dunlin/protocol/identity/did-document';

const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
const k256 = Keypair.generate('k256').publicKey;
const p256 = Keypair.generate('p256').publicKey;
const multikey = (id: string, key = k256): object => ({ id, type: 'Multikey', controller: did, publicKeyMultibase: key.didKey.slice(8) });
const pds = (serviceEndpoint: unknown, id = '#atproto_pds', type = 'AtprotoPersonalDataServer'): object => ({ id, type, serviceEndpoint });

describe('the signing key', () => {
  const keyOf = (...verificationMethod: unknown[]): string | null => parseDidDocument(did, { id: did, verificationMethod }).signingKey?.didKey ?? null;

  test.each([['full', `${did}#atproto`], ['relative', '#atproto']])('is read under its %s id', (_name, id) => {
    expect(keyOf(multikey(id))).toBe(k256.didKey);
    expect(keyOf(multikey(id, p256))).toBe(p256.didKey);
  });

  test.each([['EcdsaSecp256k1VerificationKey2019', k256], ['EcdsaSecp256r1VerificationKey2019', p256]] as const)('is read from %s, long point or short', (type, key) => {
    for (const point of [uncompressedPoint(key), key.bytes]) {
      expect(keyOf({ id: '#atproto', type, controller: did, publicKeyMultibase: toBase58Multibase(point) })).toBe(key.didKey);
    }
  });

  test('is the first valid one', () => {
    expect(keyOf({ id: '#atproto', type: 'Multikey', controller: did, publicKeyMultibase: 'znonsense' }, null, multikey('#atproto', p256), multikey('#atproto'))).toBe(p256.didKey);
  });

  test.each([
    ['nobody', []],
    ['another fragment', [multikey('#label')]],
    ['a fragment of another document', [multikey('did:plc:bbbbbbbbbbbbbbbbbbbbbbbb#atproto')]],
    ['another controller', [{ ...multikey('#atproto'), controller: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb' }]],
    ['another type', [{ ...multikey('#atproto'), type: 'Ed25519VerificationKey2020' }]],
    ['a number', [{ ...multikey('#atproto'), publicKeyMultibase: 7 }]],
  ])('is null with %s', (_name, methods) => {
    expect(keyOf(...methods)).toBeNull();
  });

  test('has company: other keys are found by their fragment', () => {
    const document = parseDidDocument(did, { id: did, verificationMethod: [multikey('#atproto'), multikey(`${did}#atproto_label`, p256)] });
    expect(findVerificationKey(document, '#atproto_label')?.didKey).toBe(p256.didKey);
    expect(findVerificationKey(document, '#none')).toBeNull();
  });
});

function handleOf(...alsoKnownAs: unknown[]): string | null {
  return parseDidDocument(did, { id: did, alsoKnownAs }).handle;
}

describe('the handle', () => {
  test('is the first valid at:// entry, in lower case', () => {
    expect(handleOf('https://x.test', 'at://', 'at://not_a_handle', 'at://alice.test/app', 7, 'at://Alice.Example.com', 'at://bob.test')).toBe('alice.example.com');
  });

  test.each([[[]], [['at://localhost']], [[`at://${'a.'.repeat(130)}com`]], [['AT://alice.test']]])('is null for %j', (alsoKnownAs) => {
    expect(handleOf(...alsoKnownAs)).toBeNull();
  });
});

describe('the home server', () => {
  const pdsOf = (...service: unknown[]): string | null => parseDidDocument(did, { id: did, service }).pdsUrl;

  test.each([['#atproto_pds'], [`${did}#atproto_pds`]])('is read under %s', (id) => {
    expect(pdsOf(pds('https://pds.example.com', id))).toBe('https://pds.example.com');
  });

  test('is the first of its id and type', () => {
    expect(pdsOf(pds('https://a.test', '#other'), pds('https://b.test', '#atproto_pds', 'Other'), pds('https://c.test'), pds('https://d.test'))).toBe('https://c.test');
  });

  test.each([
    ['https://pds.example.com', 'https://pds.example.com'], ['https://pds.example.com/', 'https://pds.example.com'], ['https://PDS.example.com:443', 'https://pds.example.com'],
    ['http://localhost:2583', 'http://localhost:2583'], ['https://[::1]:8443', 'https://[::1]:8443'],
  ])('%s is the origin %s', (endpoint, origin) => {
    expect(parseServiceOrigin(endpoint)).toBe(origin);
  });

  test.each(['', 'pds.example.com', 'ftp://x.test', 'https://', 'https:///x', 'https://x.test/path', 'https://x.test//', 'https://x.test?q', 'https://x.test#f', 'https://user@x.test',
    'https://user:pw@x.test', ' https://x.test', 'https://x.test ', 'https://x.test\\evil', 'https://x.test:99999', 'https://x .test', 'https://x.test.', 'javascript:alert(1)',
    `https://${'x'.repeat(1_100)}.test`])('%j is no origin', (endpoint) => {
    expect(parseServiceOrigin(endpoint)).toBeNull();
  });

  test('is null when its endpoint is no text', () => {
    expect(pdsOf(pds({ uri: 'https://x.test' }), pds(['https://x.test']))).toBeNull();
  });
});

test('services are listed under bare fragments', () => {
  const document = parseDidDocument(did, { id: did, service: [pds('https://pds.test', `${did}#atproto_pds`), { id: '#bsky_notif', type: 'N', serviceEndpoint: 'https://n.test/path' }, 'x'] });
  expect(document.services).toEqual([{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.test' }, { id: '#bsky_notif', type: 'N', endpoint: 'https://n.test/path' }]);
  expect(findServiceEndpoint(document, '#bsky_notif')).toBe('https://n.test/path');
  expect(findServiceEndpoint(document, '#none')).toBeNull();
});

test('only so many entries of a list are looked at', () => {
  const filler = Array.from({ length: maxDocumentEntries - 1 }, () => 'x');
  const parse = (count: number): string | null => parseDidDocument(did, { id: did, alsoKnownAs: [...filler, ...Array.from({ length: count }, () => 'x'), 'at://alice.test'] }).handle;
  expect(parse(0)).toBe('alice.test');
  expect(parse(1)).toBeNull();
});

function nested(containers: number): unknown {
  return JSON.parse(`${'['.repeat(containers)}${']'.repeat(containers)}`);
}

test('a document is nested sixteen deep at most, so that whoever walks it comes back', () => {
  expect(parseDidDocument(did, { id: did, x: nested(maxDocumentDepth - 1) }).did).toBe(did);
  for (const containers of [maxDocumentDepth, 30_000]) {
    expect(() => parseDidDocument(did, { id: did, x: nested(containers) })).toThrow(expect.objectContaining({ code: 'InvalidDidDocument' }));
  }
});

test.each([[null], ['text'], [[]], [{}], [{ id: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb' }], [{ id: [did] }]])('%j is not a document of the did', (json) => {
  expect(() => parseDidDocument(did, json)).toThrow(expect.objectContaining({ code: 'InvalidDidDocument' }));
});

test('a document with nothing but its id has nothing else', () => {
  const { raw: _raw, ...document } = parseDidDocument(did, { id: did, alsoKnownAs: 'x', verificationMethod: {}, service: 7 });
  expect(document).toEqual({ did, handle: null, alsoKnownAs: [], signingKey: null, pdsUrl: null, services: [] });
});
