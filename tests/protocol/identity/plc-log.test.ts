/** Whole logs: what verifies, and every way in which a directory could have cheated. */
import { expect, test } from '@jest/globals';
import { parsePlcLogEntry, plcRecoveryWindowMs, verifyPlcLog, type PlcLogEntry } from '@dunlin/protocol/identity/plc-log';
import { didForGenesis, plcOperationCid, signPlcOperation, type SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import { following, genesis, keys, tombstone } from '../../plc/operations.ts';

const startMs = Date.UTC(2026, 0, 1);

function entry(did: string, operation: SignedPlcOperation, createdAtMs: number, nullified = false): PlcLogEntry {
  return { did, cid: plcOperationCid(operation).toString(), operation, nullified, createdAtMs };
}

const { did, operation: first } = genesis();
const stolen = following(first, keys[2], { rotationKeys: [keys[4].did] });
const end = tombstone(stolen, keys[4]);
const rescued = following(first, keys[0], { alsoKnownAs: ['at://mine.test'] });
const recovery = [entry(did, first, startMs), entry(did, stolen, startMs + 10, true), entry(did, end, startMs + 20, true), entry(did, rescued, startMs + 10 + plcRecoveryWindowMs)];

test('a log with a recovery in the last moment verifies', () => {
  expect(verifyPlcLog(did, recovery)).toMatchObject({ did, alsoKnownAs: ['at://mine.test'] });
});

test('a log that ends in a tombstone verifies to nothing', () => {
  expect(verifyPlcLog(did, [entry(did, first, 1), entry(did, tombstone(first, keys[1]), 2)])).toBeNull();
});

test('a log that began with a creation of the old kind verifies', () => {
  const old = signPlcOperation({ type: 'create', signingKey: keys[0].did, recoveryKey: keys[1].did, handle: 'old.test', service: 'https://x.test', prev: null }, keys[0]);
  const oldDid = didForGenesis(old);
  const next = following(old, keys[1], { alsoKnownAs: ['at://new.test'] });
  expect(verifyPlcLog(oldDid, [entry(oldDid, old, 1), entry(oldDid, next, 2)])?.alsoKnownAs).toEqual(['at://new.test']);
  const again = following(old, keys[0]);
  expect(() => verifyPlcLog(oldDid, [entry(oldDid, old, 1), entry(oldDid, next, 2, true), entry(oldDid, again, 3)])).toThrow('BadSignature');
});

test.each<[string, PlcLogEntry[], string]>([
  ['nothing', [], 'log is empty'],
  ['another did', [entry('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', first, 1)], 'another did'],
  ['a log without its genesis', [entry(did, stolen, 1)], 'Misordered'],
  ['two geneses', [entry(did, first, 1), entry(did, first, 2)], 'Misordered'],
  ['times that stand still', [entry(did, first, 1), entry(did, rescued, 1)], 'Misordered'],
  ['a hidden operation', [entry(did, first, 1), entry(did, end, 2)], 'Misordered'],
  ['a recovery that came too late', [...recovery.slice(0, 3), { ...recovery[3], createdAtMs: recovery[3].createdAtMs + 1 }], 'LateRecovery'],
  ['an operation that was struck out in secret', [entry(did, first, 1), entry(did, rescued, 2, true)], 'nullified mark'],
  ['an operation that fell but is shown as standing', recovery.map((each) => ({ ...each, nullified: false })), 'nullified mark'],
  ['a stranger', [entry(did, first, 1), entry(did, following(first, keys[5]), 2)], 'BadSignature'],
  ['a successor of a tombstone', [entry(did, first, 1), entry(did, stolen, 2), entry(did, end, 3), entry(did, following(end, keys[4]), 4)], 'Misordered'],
])('%s does not verify', (_name, log, sentence) => {
  expect(() => verifyPlcLog(did, log)).toThrow(expect.objectContaining({ code: 'InvalidPlcOperation', message: expect.stringContaining(sentence) }));
});

test('an entry is read with its cid checked', () => {
  const json = { did, cid: plcOperationCid(first).toString(), operation: first, nullified: false, createdAt: '2026-01-01T00:00:00.000Z' };
  expect(parsePlcLogEntry(json)).toEqual(entry(did, first, startMs));
  for (const bad of [null, [], {}, { ...json, cid: plcOperationCid(stolen).toString() }, { ...json, createdAt: 'then' }, { ...json, nullified: 0 }, { ...json, operation: {} }]) {
    expect(() => parsePlcLogEntry(bad)).toThrow(expect.objectContaining({ code: 'InvalidPlcOperation' }));
  }
});
