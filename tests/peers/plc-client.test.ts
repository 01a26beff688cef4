/** The client library of did:plc, as other servers use it, against our directory. */
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';

interface Key {
  did(): string;
}

/** What is used of the library; it ships no types that resolve here. */
interface PlcLibrary {
  Client: new (url: string) => {
    createDid(o: { signingKey: string; rotationKeys: string[]; handle: string; pds: string; signer: Key }): Promise<string>;
    getDocument(did: string): Promise<{ alsoKnownAs: string[] }>;
    getDocumentData(did: string): Promise<{ did: string; rotationKeys: string[] }>;
    getOperationLog(did: string): Promise<object[]>;
    getAuditableLog(did: string): Promise<{ nullified: boolean }[]>;
    updateHandle(did: string, signer: Key, handle: string): Promise<void>;
    updateRotationKeys(did: string, signer: Key, keys: string[]): Promise<void>;
    sendOperation(did: string, operation: object): Promise<void>;
    tombstone(did: string, signer: Key): Promise<void>;
    export(): Promise<object[]>;
    health(): Promise<{ version: string }>;
  };
  updateRotationKeysOp(last: object, signer: Key, keys: string[]): Promise<object>;
  validateOperationLog(did: string, log: object[]): Promise<{ did: string }>;
}

const require = createRequire(import.meta.url);
// The library signs with its own, older key package.
const requireBeside = createRequire(require.resolve('@did-plc/lib'));
const library = require('@did-plc/lib') as PlcLibrary;
const { Secp256k1Keypair } = requireBeside('@atproto/crypto') as { Secp256k1Keypair: { create(): Promise<Key> } };

let plc: RunningPlc;
beforeAll(async () => {
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
});
afterAll(() => plc?.close());

test('creates, updates, recovers and ends a did, and finds our log valid', async () => {
  const client = new library.Client(plc.url);
  const [signing, strong, weak, thief] = await Promise.all(Array.from({ length: 4 }, () => Secp256k1Keypair.create()));
  const did = await client.createDid({ signingKey: signing.did(), rotationKeys: [strong.did(), weak.did()], handle: 'alice.test', pds: 'https://pds.example.com', signer: strong });
  await client.updateHandle(did, weak, 'bob.test');
  expect((await client.getDocument(did)).alsoKnownAs).toEqual(['at://bob.test']);

  await client.updateRotationKeys(did, weak, [thief.did()]);
  const fork = (await client.getOperationLog(did)).at(-2);
  if (!fork) throw new Error('the log is too short');
  await client.sendOperation(did, await library.updateRotationKeysOp(fork, strong, [strong.did()]));
  expect((await client.getDocumentData(did)).rotationKeys).toEqual([strong.did()]);
  expect((await client.getAuditableLog(did)).map(({ nullified }) => nullified)).toEqual([false, false, true, false]);
  expect(await library.validateOperationLog(did, await client.getOperationLog(did))).toEqual(await client.getDocumentData(did));
  await expect(client.updateHandle(did, thief, 'eve.test')).rejects.toMatchObject({ status: 400 });

  await client.tombstone(did, strong);
  await expect(client.getDocument(did)).rejects.toMatchObject({ status: 410 });
  expect((await client.export()).length).toBe(5);
  expect(await client.health()).toEqual({ version: expect.any(String) });
});
