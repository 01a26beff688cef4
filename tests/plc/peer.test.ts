/** The directory against others: captured logs replayed operation by operation, and operations made with other libraries. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto';
import * as dagCbor from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { sha256 } from 'multiformats/hashes/sha2';
import { base32 } from 'multiformats/bases/base32';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { parseDidDocument } from '@dunlin/protocol/identity/did-document';
import { parsePlcLogEntry, verifyPlcLog } from '@dunlin/protocol/identity/plc-log';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { captureFolder, readJson } from '../harness/vectors.ts';

interface AuditEntry {
  did: string;
  cid: string;
  operation: object;
  nullified: boolean;
  createdAt: string;
}

const clock = new ManualClock();
let plc: RunningPlc;
beforeAll(async () => {
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { clock, log: silentLogger });
});
afterAll(() => plc.close());

async function post(did: string, operation: object): Promise<number> {
  const response = await fetch(`${plc.url}/${did}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation) });
  await response.arrayBuffer();
  return response.status;
}
const get = async <T>(path: string): Promise<T> => (await (await fetch(`${plc.url}${path}`)).json()) as T;

async function sign(operation: object, key: Secp256k1Keypair | P256Keypair): Promise<object> {
  return { ...operation, sig: Buffer.from(await key.sign(dagCbor.encode(operation))).toString('base64url') };
}

async function cidOf(operation: object): Promise<string> {
  return CID.createV1(dagCbor.code, await sha256.digest(dagCbor.encode(operation))).toString();
}

const capture = captureFolder();
const ids = capture ? readdirSync(join(capture, 'plc-log')).map((name) => name.split('.')[0]) : [];

test(capture ? `replays ${ids.length} captured logs to the same cids, times and documents` : 'without a capture there is no log to replay', async () => {
  const logs = ids.map((id) => readJson<AuditEntry[]>(capture!, 'plc-log', `${id}.audit.json`));
  const entries = logs.flat().toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  for (const entry of entries) {
    clock.setNow(Date.parse(entry.createdAt));
    expect(await post(entry.did, entry.operation)).toBe(200);
  }
  for (const [index, id] of ids.entries()) {
    const did = `did:plc:${id}`;
    const audit = await get<AuditEntry[]>(`/${did}/log/audit`);
    expect(audit.map(({ cid, nullified }) => ({ cid, nullified }))).toEqual(logs[index].map(({ cid, nullified }) => ({ cid, nullified })));
    const drifts = audit.map((entry, place) => Date.parse(entry.createdAt) - Date.parse(logs[index][place].createdAt));
    expect(drifts.every((driftMs) => driftMs >= 0 && driftMs < 50)).toBe(true);
    expect(verifyPlcLog(did, audit.map(parsePlcLogEntry))).not.toBeNull();
    const { raw: _ours, ...ours } = parseDidDocument(did, await get(`/${did}`));
    const { raw: _theirs, ...theirs } = parseDidDocument(did, readJson(capture!, 'did', `${id}.json`));
    expect(ours).toEqual(theirs);
    expect(ours.signingKey).not.toBeNull();
    expect(ours.handle).not.toBeNull();
    expect(ours.pdsUrl).not.toBeNull();
  }
});

test.each(['k256', 'p256'])('takes operations made with other libraries (%s) under the dids and cids those reckon', async (curve) => {
  const make = (): Promise<Secp256k1Keypair | P256Keypair> => curve === 'k256' ? Secp256k1Keypair.create() : P256Keypair.create();
  const [strong, weak, signing] = await Promise.all([make(), make(), make()]);
  const state = {
    type: 'plc_operation',
    rotationKeys: [strong.did(), weak.did()],
    verificationMethods: { atproto: signing.did() },
    alsoKnownAs: ['at://peer.test'],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example.com' } },
  };
  const genesis = await sign({ ...state, prev: null }, weak);
  const hash = await sha256.digest(dagCbor.encode(genesis));
  const did = `did:plc:${base32.encode(hash.digest).slice(1, 25)}`;
  expect(await post(did, genesis)).toBe(200);
  const theft = await sign({ ...state, rotationKeys: [weak.did()], prev: await cidOf(genesis) }, weak);
  expect(await post(did, theft)).toBe(200);
  const end = await sign({ type: 'plc_tombstone', prev: await cidOf(theft) }, weak);
  expect(await post(did, end)).toBe(200);
  const recovery = await sign({ ...state, alsoKnownAs: ['at://mine.test'], prev: await cidOf(genesis) }, strong);
  expect(await post(did, recovery)).toBe(200);
  const audit = await get<AuditEntry[]>(`/${did}/log/audit`);
  expect(audit.map(({ cid }) => cid)).toEqual(await Promise.all([genesis, theft, end, recovery].map(cidOf)));
  expect(audit.map(({ nullified }) => nullified)).toEqual([false, true, true, false]);
  const document = parseDidDocument(did, await get(`/${did}`));
  expect(document).toMatchObject({ handle: 'mine.test', signingKey: { didKey: signing.did() } });
});
