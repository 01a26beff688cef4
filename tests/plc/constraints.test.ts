/** Both sides of every bound on a submitted operation. */
import { expect, test } from '@jest/globals';
import { encodePlcOperation, signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { maxOperationBytes, readIncomingOperation } from '../../plc/src/constraints.ts';
import { genesis, keys, tombstone, update } from './operations.ts';

const ed25519 = 'did:key:z6MkjwbBXZnFqL8su24wGL2Fdjti6GSLv9SWdYGswfazUPm9';
const services = (count: number, entry = { type: 'T', endpoint: 'https://example.com' }): UnsignedPlcUpdate['services'] =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, entry]));
const methods = (count: number, key = keys[0].did): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, key]));
const aliases = (count: number): string[] => Array.from({ length: count }, (_, index) => `at://a${index}.test`);

function read(fields: Partial<Omit<UnsignedPlcUpdate, 'type'>>): string {
  const incoming = readIncomingOperation(signPlcOperation(update(fields), keys[0]));
  return incoming.accepted ? 'accepted' : incoming.message;
}

test.each<[string, Partial<UnsignedPlcUpdate>]>([
  ['five rotation keys', { rotationKeys: keys.slice(0, 5).map(({ did }) => did) }],
  ['one rotation key', { rotationKeys: [keys[1].did] }],
  ['ten methods', { verificationMethods: methods(10) }],
  ['no methods', { verificationMethods: {} }],
  ['a method of another kind of key', { verificationMethods: { x: ed25519 } }],
  ['a method key of 256 characters', { verificationMethods: { x: `did:key:z${'1'.repeat(247)}` } }],
  ['a method id of 32 characters', { verificationMethods: { ['x'.repeat(32)]: ed25519 } }],
  ['ten aliases', { alsoKnownAs: aliases(10) }],
  ['no alias', { alsoKnownAs: [] }],
  ['an alias of 258 characters', { alsoKnownAs: ['x'.repeat(258)] }],
  ['ten services', { services: services(10) }],
  ['a service type of 256 characters', { services: { x: { type: 't'.repeat(256), endpoint: '' } } }],
  ['a service endpoint of 512 characters', { services: { x: { type: '', endpoint: 'e'.repeat(512) } } }],
  ['a service id of 32 characters', { services: { ['x'.repeat(32)]: { type: '', endpoint: '' } } }],
])('takes %s', (_name, fields) => {
  expect(read(fields)).toBe('accepted');
});

test.each<[string, Partial<UnsignedPlcUpdate>, string]>([
  ['six rotation keys', { rotationKeys: keys.slice(0, 6).map(({ did }) => did) }, 'too many rotationKeys'],
  ['no rotation key', { rotationKeys: [] }, 'no rotation key'],
  ['a rotation key twice', { rotationKeys: [keys[0].did, keys[0].did] }, 'duplicate rotationKeys'],
  ['a rotation key of another kind', { rotationKeys: [ed25519] }, 'not a p-256 or k-256'],
  ['a rotation key that is no key', { rotationKeys: [keys[0].did, 'did:key:zzzz'] }, '/rotationKeys/1'],
  ['eleven methods', { verificationMethods: methods(11) }, 'too many verificationMethods'],
  ['a method key of 257 characters', { verificationMethods: { x: `did:key:z${'1'.repeat(248)}` } }, 'not a did:key'],
  ['a method key in base32', { verificationMethods: { x: 'did:key:bjv2wy5djmjqxgz' } }, 'not a did:key'],
  ['a method that is no did:key', { verificationMethods: { x: 'did:banana' } }, 'not a did:key'],
  ['a method id of 33 characters', { verificationMethods: { ['x'.repeat(33)]: ed25519 } }, 'id is empty, too long'],
  ['a method id with its fragment sign', { verificationMethods: { '#x': ed25519 } }, 'id is empty, too long'],
  ['eleven aliases', { alsoKnownAs: aliases(11) }, 'too many alsoKnownAs'],
  ['an alias twice', { alsoKnownAs: ['at://a.test', 'at://a.test'] }, 'duplicate alsoKnownAs'],
  ['an alias of 259 characters', { alsoKnownAs: ['x'.repeat(259)] }, 'entry too long'],
  ['eleven services', { services: services(11) }, 'too many services'],
  ['a service type of 257 characters', { services: { x: { type: 't'.repeat(257), endpoint: '' } } }, 'service type too long'],
  ['a service endpoint of 513 characters', { services: { x: { type: '', endpoint: 'e'.repeat(513) } } }, 'service endpoint too long'],
  ['a service id of 33 characters', { services: { ['x'.repeat(33)]: { type: '', endpoint: '' } } }, 'id is empty, too long'],
  ['an empty service id', { services: { '': { type: '', endpoint: '' } } }, 'id is empty, too long'],
])('refuses %s', (_name, fields, sentence) => {
  expect(read(fields)).toContain(sentence);
});

test('takes an operation of exactly 4,000 bytes and refuses one of 4,001', () => {
  const large = services(6, { type: 'T', endpoint: 'e'.repeat(500) });
  const fields = (length: number): Partial<UnsignedPlcUpdate> => ({ services: large, alsoKnownAs: ['a'.repeat(250), 'b'.repeat(length)] });
  const lengthOf = (length: number): number => encodePlcOperation(signPlcOperation(update(fields(length)), keys[0])).length;
  const padding = 100 + maxOperationBytes - lengthOf(100);
  expect(lengthOf(padding)).toBe(maxOperationBytes);
  expect(read(fields(padding))).toBe('accepted');
  expect(read(fields(padding + 1))).toContain('too large');
});

test.each([
  ['an unknown field', { extra: 1 }], ['a missing field', { services: undefined }], ['a service with more fields', { services: { x: { type: '', endpoint: '', extra: 1 } } }],
  ['a number for a text', { prev: 1 }], ['a missing prev', { prev: undefined }], ['keys that are no array', { rotationKeys: {} }], ['methods that are an array', { verificationMethods: [] }],
  ['half a surrogate pair', { alsoKnownAs: ['at://\ud800'] }], ['another type', { type: 'plc_something' }], ['the type of a tombstone', { type: 'plc_tombstone' }],
])('refuses %s', (_name, fields) => {
  const json: unknown = JSON.parse(JSON.stringify({ ...genesis().operation, ...fields }));
  expect(readIncomingOperation(json)).toMatchObject({ accepted: false, message: expect.stringContaining('not a valid operation') });
});

test('takes a tombstone, refuses a creation of the old kind', () => {
  expect(readIncomingOperation(tombstone(genesis().operation, keys[0])).accepted).toBe(true);
  const legacy = signPlcOperation({ type: 'create', signingKey: keys[0].did, recoveryKey: keys[1].did, handle: 'a.test', service: 'https://x.test', prev: null }, keys[0]);
  expect(readIncomingOperation(legacy)).toMatchObject({ accepted: false, message: expect.stringContaining('legacy') });
});
