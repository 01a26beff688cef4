/** Operations of did:plc: shapes, bytes, signatures, and the DID a genesis makes. */
import { expect, test } from '@jest/globals';
import * as dagCbor from '@ipld/dag-cbor';
import * as fc from 'fast-check';
import { createPlcGenesis, didForGenesis, encodePlcOperation, findPlcSigner, parsePlcOperation, plcOperationCid, plcStateOf, signPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { UnsignedPlcLegacyCreate } from '@dunlin/protocol/identity/plc-operation';
import { genesis, keys, tombstone, update } from '../../plc/operations.ts';

const legacy: UnsignedPlcLegacyCreate = { type: 'create', signingKey: keys[0].did, recoveryKey: keys[1].did, handle: 'old.example.com', service: 'https://pds.example.com', prev: null };

test.each([['a creation', genesis().operation], ['a tombstone', tombstone(genesis().operation, keys[0])], ['a creation of the old kind', signPlcOperation(legacy, keys[0])]])(
  '%s comes back from its JSON with the same bytes', (_name, operation) => {
    const read = parsePlcOperation(JSON.parse(JSON.stringify(operation)));
    expect(read).toEqual(operation);
    expect(plcOperationCid(read).toString()).toBe(plcOperationCid(operation).toString());
  });

test('has the bytes that another encoder gives, whatever the texts', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const service = fc.record({ type: text, endpoint: text }, { noNullPrototype: true });
  const map = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> => fc.dictionary(text, value, { maxKeys: 5, noNullPrototype: true });
  fc.assert(fc.property(fc.array(text), map(text), map(service), fc.option(text), (texts, methods, services, prev) => {
    const operation = signPlcOperation(update({ alsoKnownAs: texts, rotationKeys: texts, verificationMethods: methods, services, prev }), keys[0]);
    expect(Buffer.from(encodePlcOperation(operation)).equals(dagCbor.encode(operation))).toBe(true);
    expect(parsePlcOperation(JSON.parse(JSON.stringify(operation)))).toEqual(operation);
  }));
});

test('a key called __proto__ is a key like any other', () => {
  const json: unknown = JSON.parse(JSON.stringify(genesis().operation).replace('"services":{', '"services":{"__proto__":{"type":"T","endpoint":"E"},'));
  const operation = parsePlcOperation(json);
  expect(Object.keys(plcStateOf(operation)!.services)).toEqual(['__proto__', 'atproto_pds']);
  expect(Object.getPrototypeOf(plcStateOf(operation)!.services)).toBe(Object.prototype);
});

test('a genesis for an account lists what a home server puts into it', () => {
  const { did, operation } = createPlcGenesis({ signingKey: keys[1].did, rotationKeys: [keys[2].did, keys[0].did], handle: 'alice.test', pdsUrl: 'https://pds.example.com', rotationKeypair: keys[0] });
  expect(did).toMatch(/^did:plc:[a-z2-7]{24}$/);
  expect(did).toBe(didForGenesis(operation));
  expect(operation).toMatchObject({ type: 'plc_operation', prev: null, alsoKnownAs: ['at://alice.test'], verificationMethods: { atproto: keys[1].did },
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example.com' } } });
  expect(findPlcSigner(operation, operation.rotationKeys)).toBe(keys[0].did);
});

test('the signer is the first key that fits; broken keys and signatures fit nothing', () => {
  const { operation } = genesis({}, keys[1]);
  expect(findPlcSigner(operation, [keys[0].did, 'did:key:zbroken', 'nonsense', keys[1].did, keys[1].did])).toBe(keys[1].did);
  expect(findPlcSigner(operation, [])).toBeNull();
  for (const sig of ['', 'AA', `${operation.sig}=`, operation.sig.slice(1), `${operation.sig.slice(0, -1)}!`]) {
    expect(findPlcSigner({ ...operation, sig }, [keys[1].did])).toBeNull();
  }
});

test('a signature text with set bits behind its end is not the signature', () => {
  const { operation } = genesis();
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(operation.sig.at(-1)!);
  const twin = operation.sig.slice(0, -1) + alphabet[last + 1];
  expect(Buffer.from(twin, 'base64url').equals(Buffer.from(operation.sig, 'base64url'))).toBe(true);
  expect(findPlcSigner({ ...operation, sig: twin }, [keys[0].did])).toBeNull();
});

test('a creation of the old kind has its recovery key before its signing key', () => {
  expect(plcStateOf(signPlcOperation(legacy, keys[0]))).toEqual({ rotationKeys: [keys[1].did, keys[0].did], verificationMethods: { atproto: keys[0].did },
    alsoKnownAs: ['at://old.example.com'], services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example.com' } } });
  expect(plcStateOf(tombstone(genesis().operation, keys[0]))).toBeNull();
});

test.each([null, [], 'x', {}, { ...genesis().operation, alsoKnownAs: ['\ud800'] }, { ...genesis().operation, services: { '\udfff': { type: '', endpoint: '' } } }, { type: 'create' }, { ...legacy, sig: 'x', prev: 'bafy' }, { type: 'plc_tombstone', prev: null, sig: '' }, { type: 'plc_tombstone', prev: 'x', sig: '', more: 1 }])(
  '%j is no operation', (json) => {
    expect(() => parsePlcOperation(json)).toThrow(expect.objectContaining({ code: 'InvalidPlcOperation' }));
  });
