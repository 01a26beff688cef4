/** The client of a directory: against our own on a real socket, and against answers no directory should give. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock, systemClock } from '@dunlin/protocol/base/clock';
import { fetchPlcAuditLog, fetchPlcData, fetchPlcDocument, fetchPlcLastOperation, submitPlcOperation, type PlcDirectory } from '@dunlin/protocol/identity/did-plc';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../../plc/src/plc.ts';
import { following, genesis, keys, tombstone } from '../../plc/operations.ts';
import { fakeNetwork, networkError, type FakeAnswer } from './fake-network.ts';

describe('with a directory', () => {
  let plc: RunningPlc;
  let directory: PlcDirectory;
  beforeAll(async () => {
    plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
    directory = { plcUrl: plc.url, fetch, clock: systemClock };
  });
  afterAll(() => plc.close());

  test('submits operations and reads back everything about the did', async () => {
    const { did, operation } = genesis();
    expect(await fetchPlcDocument(directory, did)).toBeNull();
    expect(await submitPlcOperation(directory, did, operation)).toEqual({ accepted: true });
    const second = following(operation, keys[0], { alsoKnownAs: ['at://bob.test'] });
    expect(await submitPlcOperation(directory, did, second)).toEqual({ accepted: true });
    expect(await fetchPlcDocument(directory, did)).toMatchObject({ did, handle: 'bob.test', pdsUrl: 'https://pds.example.com', signingKey: keys[5].publicKey });
    expect(await fetchPlcLastOperation(directory, did)).toEqual(second);
    expect(await fetchPlcData(directory, did)).toMatchObject({ did, alsoKnownAs: ['at://bob.test'], rotationKeys: second.rotationKeys });
    expect((await fetchPlcAuditLog(directory, did))?.map((entry) => entry.operation)).toEqual([operation, second]);
    expect(await submitPlcOperation(directory, did, following(operation, keys[4]))).toEqual({ accepted: false, status: 400, message: expect.stringContaining('not signed by') });
    expect(await submitPlcOperation(directory, did, tombstone(second, keys[0]))).toEqual({ accepted: true });
    expect(await fetchPlcDocument(directory, did)).toBeNull();
    expect(await fetchPlcData(directory, did)).toBeNull();
    expect((await fetchPlcLastOperation(directory, did))?.type).toBe('plc_tombstone');
    expect((await fetchPlcAuditLog(directory, did))?.length).toBe(3);
  });

  test('asks nobody about a text that is no did:plc', async () => {
    expect(await fetchPlcDocument({ ...directory, plcUrl: 'http://nowhere.invalid' }, 'did:plc:../export')).toBeNull();
  });
});

describe('without one', () => {
  const { did, operation } = genesis();
  const answering = (answer: FakeAnswer): PlcDirectory => {
    const network = fakeNetwork();
    for (const path of ['', '/data', '/log/last', '/log/audit']) network.pages.set(`https://plc.test/${did}${path}`, answer);
    return { plcUrl: 'https://plc.test', fetch: network.fetch, clock: new ManualClock() };
  };

  test.each<[string, FakeAnswer]>([
    ['no connection', networkError('ECONNREFUSED')], ['500', () => new Response('', { status: 500 })], ['403', () => new Response('', { status: 403 })],
    ['a page', () => new Response('<html>')], ['null', () => new Response('null ')], ['a list of nonsense', () => new Response('[{}]')], ['a number', () => new Response('7')],
  ])('%s is never taken for an absent did', async (_name, answer) => {
    for (const ask of [fetchPlcDocument, fetchPlcData, fetchPlcLastOperation, fetchPlcAuditLog]) {
      await expect(ask(answering(answer), did)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    }
  });

  test('a submission that met trouble is a fault, a refusal is an answer, with or without words', async () => {
    await expect(submitPlcOperation(answering(() => new Response('', { status: 502 })), did, operation)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    await expect(submitPlcOperation(answering(() => new Response('', { status: 302 })), did, operation)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    await expect(submitPlcOperation(answering(networkError('ECONNRESET')), did, operation)).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    expect(await submitPlcOperation(answering(() => new Response('<html>', { status: 429 })), did, operation)).toEqual({ accepted: false, status: 429, message: 'no message' });
    expect(await submitPlcOperation(answering(() => Response.json({ message: 'Invalid Signature' }, { status: 400 })), did, operation)).toEqual({ accepted: false, status: 400, message: 'Invalid Signature' });
  });
});
