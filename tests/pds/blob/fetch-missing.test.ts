/** Blobs that a move left behind, fetched from an old home that is partly well, partly broken, and asked again when it was cut off. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { adminPdsCommand } from '../../../cli/src/admin-pds.ts';
import { makeRepo, newTraveller, type Traveller } from '../migration/moving.ts';
import { startSmallPds, type Answer, type SmallPds } from '../small-pds.ts';

const png = (index: number): Buffer => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(`picture ${index}`)]);
const pictures = Array.from({ length: 6 }, (_, index) => png(index));
const cids = pictures.map((bytes) => cidForRaw(bytes).toString());
/** What the old home does with each blob; the others it gives as they are. */
let trouble: Map<string, (index: number) => { status: number; body: Buffer }>;
const asked: string[] = [];
const oldHome = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://x');
  const index = cids.indexOf(url.searchParams.get('cid') ?? '');
  asked.push(`${url.pathname} ${url.searchParams.get('did')}`);
  const { status, body } = trouble.get(cids[index] ?? '')?.(index) ?? { status: 200, body: pictures[index] ?? Buffer.alloc(0) };
  response.writeHead(status, { 'content-type': 'image/png' }).end(body);
});
let from: string;
let small: SmallPds;
let who: Traveller;
beforeAll(async () => {
  await new Promise<void>((resolve) => void oldHome.listen(0, '127.0.0.1', resolve));
  from = `http://localhost:${(oldHome.address() as AddressInfo).port}`;
  small = await startSmallPds();
  who = await newTraveller({ plcUrl: small.plc.url, url: small.url }, 'mover');
  const records = pictures.map((bytes, index): [string, object] => [
    `com.example.file/${index}`, { $type: 'com.example.file', file: { $type: 'blob', ref: cidForRaw(bytes), mimeType: 'image/png', size: bytes.length } },
  ]);
  const { car } = makeRepo(who.did, who.signingKey, records);
  const { status } = await small.call('com.atproto.repo.importRepo', { body: car, headers: { 'content-type': 'application/vnd.ipld.car' }, token: who.token });
  expect(status).toBe(200);
});
afterAll(async () => {
  await small.close();
  oldHome.closeAllConnections();
  await new Promise((resolve) => void oldHome.close(resolve));
});
beforeEach(() => {
  trouble = new Map();
  asked.length = 0;
});

const method = 'app.dunlin.admin.fetchMissingBlobs';
const ask = (body: object, headers: Record<string, string> = small.admin): Promise<Answer> => small.call(method, { body, headers });
const missing = async (): Promise<string[]> => ((await small.call('com.atproto.repo.listMissingBlobs', { token: who.token })).json['blobs'] as { cid: string }[]).map(({ cid }) => cid);

async function run(...args: string[]): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_DATA_DIRECTORY: small.dataDirectory, PDS_ADMIN_PASSWORD: 'operator' } });
  const done = command.parseAsync(['--url', small.url, '--json', 'blob', 'fetch-missing', ...args], { from: 'user' });
  await done.catch((fault: unknown) => void lines.push(JSON.stringify({ thrown: (fault as Error).message })));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('is the operator\'s alone, and refuses what makes no sense', async () => {
  expect((await ask({ did: who.did, from }, { authorization: `Bearer ${who.token}` })).status).toBe(401);
  expect((await ask({ did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', from })).json).toMatchObject({ error: 'NotFound' });
  for (const address of ['ftp://old.example.org', 'did:web:old.example.org']) expect((await ask({ did: who.did, from: address })).json['message']).toBe('from must be an https URL');
  expect((await ask({ did: who.did, from, cursor: 'x' })).json['message']).toBe('Malformed cursor');
  expect(asked).toEqual([]);
});

test('keeps what its name says, tells of the rest, and gets the rest when it is asked again', async () => {
  trouble.set(cids[1]!, () => ({ status: 200, body: Buffer.from('something else') }));
  trouble.set(cids[2]!, () => ({ status: 404, body: Buffer.from('{}') }));
  const told = await run(who.did, '--from', from);
  expect(told.filter(({ failed }) => typeof failed === 'string')).toEqual(expect.arrayContaining([
    { failed: cids[1], reason: 'what came is not what its name says' }, { failed: cids[2], reason: 'server answered 404' },
  ]));
  expect(told.at(-2)).toMatchObject({ fetched: 4, failed: 2 });
  expect(told.at(-1)).toEqual({ thrown: '2 blobs are missing still; repeat, or ask another server' });
  expect(new Set(await missing())).toEqual(new Set([cids[1], cids[2]]));
  expect(new Set(asked)).toEqual(new Set([`/xrpc/com.atproto.sync.getBlob ${who.did}`]));
  trouble.clear();
  asked.length = 0;
  expect(await run(who.did, '--from', from)).toEqual([{ did: who.did, fetched: 2, bytes: 2 * pictures[0]!.length, failed: 0 }]);
  expect(asked).toHaveLength(2);
  expect(await missing()).toEqual([]);
  expect((await small.call('com.atproto.server.checkAccountStatus', { token: who.token })).json).toMatchObject({ expectedBlobs: 6, importedBlobs: 6 });
  expect(await run(who.did, '--from', from)).toEqual([{ did: who.did, fetched: 0, bytes: 0, failed: 0 }]);
});
