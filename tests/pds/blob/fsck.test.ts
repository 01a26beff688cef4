/** Rows and files of a folder brought apart in every way there is, found, mended, and well afterwards. */
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { adminPdsCommand } from '../../../cli/src/admin-pds.ts';
import { AuditLog } from '../../../pds/src/audit/audit-log.ts';
import { pdsMigrations } from '../../../pds/src/wiring/stores.ts';
import { startSmallPds, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let bob: Person;
beforeEach(async () => {
  small = await startSmallPds();
  bob = await small.newPerson('bob');
});
afterEach(() => small.close());

const cidOf = (text: string): string => cidForRaw(Buffer.from(text)).toString();
const pathOf = (text: string, did = bob.did): string => join(small.dataDirectory, 'blobs', did, cidOf(text));

async function store(text: string): Promise<void> {
  const { json } = await small.call('com.atproto.repo.uploadBlob', { body: text, headers: { 'content-type': 'text/plain' }, token: bob.token });
  await small.call('com.atproto.repo.putRecord', { body: { repo: bob.did, collection: 'com.example.file', rkey: cidOf(text).slice(-12), record: { blob: json['blob'] } }, token: bob.token });
}

async function fsck(...options: string[]): Promise<{ told: Record<string, unknown>[]; fault: string | null }> {
  const lines: string[] = [];
  const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_DATA_DIRECTORY: small.dataDirectory } });
  const fault = await command.parseAsync(['--json', 'blob', 'fsck', ...options], { from: 'user' }).then(() => null, (thrown: unknown) => (thrown as Error).message);
  return { told: lines.map((line) => JSON.parse(line) as Record<string, unknown>), fault };
}

test('what is missing, short, spoilt or unknown is found, mended while no server runs, and then well', async () => {
  for (const text of ['well', 'well too', 'and well', 'missing', 'too short', 'spoilt']) await store(text);
  expect(await fsck('--deep')).toEqual({ told: [{ found: 0 }], fault: null });
  await rm(pathOf('missing'));
  await truncate(pathOf('too short'), 3);
  await writeFile(pathOf('spoilt'), 'tliops');
  const gone = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
  await mkdir(join(small.dataDirectory, 'blobs', gone));
  await writeFile(pathOf('nobody\'s', gone), 'nobody\'s');
  await writeFile(join(small.dataDirectory, 'blobs', bob.did, 'notes.txt'), 'not a blob');
  const found = (text: string, kind: string, mended: object = {}): object => ({ kind, did: bob.did, cid: cidOf(text), isUsed: true, ...mended });
  const shallow = await fsck();
  expect(shallow.fault).toBe('blobs are not as they should be');
  expect(shallow.told.slice(0, -1).map(({ kind }) => kind).sort()).toEqual(['missing', 'unknownFile', 'unknownFile', 'wrongSize']);
  expect((await fsck('--mend')).fault).toContain('another process is using the data folder');
  await small.pds.close();

  const { told, fault } = await fsck('--deep', '--mend');
  expect(told).toEqual(expect.arrayContaining([
    found('missing', 'missing', { mended: 'forgotten' }), found('too short', 'wrongSize', { mended: 'forgotten' }), found('spoilt', 'wrongContents', { mended: 'forgotten' }),
    { kind: 'unknownFile', did: gone, cid: cidOf('nobody\'s'), isUsed: false, mended: 'trashed' },
    { kind: 'unknownFile', did: bob.did, cid: 'notes.txt', isUsed: false, mended: 'left' }, { found: 5, mended: 4 },
  ]));
  expect(fault).toBe('blobs are not as they should be');
  await rm(join(small.dataDirectory, 'blobs', bob.did, 'notes.txt'));
  expect(await fsck('--deep')).toEqual({ told: [{ found: 0 }], fault: null });
});

const mend = 'dunlin admin pds blob fsck --mend';

test('mending does nothing when more than half of all blobs are missing, unless it is told to', async () => {
  for (const text of ['one', 'two', 'three', 'four']) await store(text);
  await small.pds.close();
  for (const text of ['one', 'two', 'three']) await rm(pathOf(text));
  expect(await fsck('--mend')).toEqual({ told: [], fault: '3 of 4 blobs are missing or wrong: is this where they lie? nothing was done' });
  await writeFile(pathOf('three'), 'three');
  expect((await fsck('--mend')).told.at(-1)).toEqual({ found: 2, mended: 2 });
  await rm(pathOf('three'));
  await rm(pathOf('four'));
  expect((await fsck('--mend')).fault).toContain('2 of 2 blobs');
  expect((await fsck('--mend', '--forget-most')).told.at(-1)).toEqual({ found: 2, mended: 2 });
  expect(await fsck()).toEqual({ told: [{ found: 0 }], fault: null });
  const database = openDatabase(join(small.dataDirectory, 'pds.sqlite'), { migrations: pdsMigrations, readonly: true });
  const acts = new AuditLog(database).page({ below: 1_000, limit: 10, subject: null });
  database.close();
  expect(acts.slice(0, 4).map(({ method, status, outcome, input }) => [method, status, outcome.slice(0, 12), input['forgetMost']])).toEqual([
    [mend, 200, '', true], [mend, 500, '2 of 2 blobs', false], [mend, 200, '', false], [mend, 500, '3 of 4 blobs', false],
  ]);
});

test('mending does nothing when there are many more files than blobs, unless it is told to', async () => {
  await store('mine');
  await small.pds.close();
  const theirs = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
  await mkdir(join(small.dataDirectory, 'blobs', theirs));
  for (let index = 0; index < 101; index++) await writeFile(pathOf(`theirs ${index}`, theirs), `theirs ${index}`);
  expect(await fsck('--mend')).toEqual({ told: [], fault: '101 files are nobody\'s, beside 1 blobs: are they another server\'s? nothing was done' });
  await rm(pathOf('theirs 100', theirs));
  expect((await fsck('--mend')).told.at(-1)).toEqual({ found: 100, mended: 100 });
});
