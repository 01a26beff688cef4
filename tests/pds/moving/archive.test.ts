/** Archives: read by the system's tar, whole and exact; tickets that are good once; what is left out; and readers that go away. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync, rmSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { ArchiveTickets, ticketLifeMs } from '../../../pds/src/moving/archive-tickets.ts';
import { readArchive } from '../../../pds/web/archive.ts';
import { tarHead, tarPadding } from '../../../pds/src/moving/tar.ts';
import { temporaryFolder } from '../../harness/temporary.ts';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  [small, folder] = await Promise.all([startSmallPds(), temporaryFolder()]);
});
afterAll(async () => {
  await small.close();
  await folder.remove();
});

const png = (text: string): Buffer => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(text)]);

async function newPerson(name: string, pictures: readonly Buffer[]): Promise<Person & { cids: string[] }> {
  const person = await small.newPerson(name);
  const cids: string[] = [];
  for (const [index, picture] of pictures.entries()) {
    const { data } = await person.agent.com.atproto.repo.uploadBlob(picture, { encoding: 'image/png' });
    cids.push(data.blob.ref.toString());
    await person.agent.post({ text: `post ${index}`, createdAt: new Date().toISOString(), embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } });
  }
  await person.agent.app.bsky.actor.putPreferences({ preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] });
  return { ...person, cids };
}

async function ticketOf(person: Person): Promise<string> {
  return String((await small.call('app.dunlin.account.makeArchiveTicket', { method: 'POST', token: person.token })).json['ticket']);
}

const download = (ticket: string): Promise<Response> =>
  fetch(`${small.url}/account/export/archive`, { method: 'POST', body: new URLSearchParams({ ticket }) });

/** Downloads and unpacks with the system's tar; gives the folder. */
async function unpack(name: string, person: Person): Promise<string> {
  const response = await download(await ticketOf(person));
  expect([response.status, response.headers.get('content-type'), response.headers.get('content-disposition')]).toEqual([200, 'application/x-tar', `attachment; filename="${name}.test-archive.tar"`]);
  const [path, into] = [join(folder.path, `${name}.tar`), join(folder.path, name)];
  writeFileSync(path, new Uint8Array(await response.arrayBuffer()));
  mkdirSync(into);
  execFileSync('tar', ['xf', path, '-C', into]);
  return join(into, 'account');
}

test('everything is in it, byte for byte, and the system\'s tar reads it', async () => {
  const pictures = [png('one'), png('x'.repeat(504)), png('y'.repeat(300_000))];
  const person = await newPerson('ada', pictures);
  const path = await unpack('ada', person);
  expect(readdirSync(path).toSorted()).toEqual(['README.txt', 'account.json', 'blobs', 'preferences.json', 'repo.car', 'types.json']);
  const about = JSON.parse(readFileSync(join(path, 'account.json'), 'utf8')) as Record<string, unknown>;
  const { rotationKeys } = (await (await fetch(`${small.plc.url}/${person.did}/data`)).json()) as { rotationKeys: string[] };
  expect(about).toMatchObject({ did: person.did, handle: 'ada.test', server: small.url, blobs: 3, missingBlobs: 0, rotationKeys });
  expect(JSON.parse(readFileSync(join(path, 'preferences.json'), 'utf8'))).toEqual({ preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] });
  const document = (await (await fetch(`${small.plc.url}/${person.did}`)).json()) as { verificationMethod: { publicKeyMultibase: string }[] };
  const { recordCount, commit } = verifyRepoCar(readFileSync(join(path, 'repo.car')), person.did, parseDidKey(`did:key:${document.verificationMethod[0]?.publicKeyMultibase}`));
  expect([recordCount, commit.rev]).toEqual([3, about['rev']]);
  for (const [index, cid] of person.cids.entries()) expect(readFileSync(join(path, 'blobs', cid)).equals(pictures[index]!)).toBe(true);
  expect(readFileSync(join(path, 'README.txt'), 'utf8')).toContain(person.did);
});

test('a file that was lost here is left out, and account.json does not hide it', async () => {
  const person = await newPerson('bob', [png('b1'), png('b2')]);
  rmSync(join(small.dataDirectory, 'blobs', person.did, person.cids[0]!));
  const path = await unpack('bob', person);
  expect(readdirSync(join(path, 'blobs'))).toEqual([person.cids[1]]);
});

test('the kind of a file is kept where its bytes do not say it', async () => {
  const person = await newPerson('eve', [png('e')]);
  const { data } = await person.agent.com.atproto.repo.uploadBlob(Buffer.from('WEBVTT'), { encoding: 'text/vtt' });
  const { data: unlike } = await person.agent.com.atproto.repo.uploadBlob(Buffer.from('no picture at all'), { encoding: 'image/bmp' });
  await person.agent.com.atproto.repo.createRecord({ repo: person.did, collection: 'com.example.file', record: { $type: 'com.example.file', files: [data.blob, unlike.blob] } });
  const path = await unpack('eve', person);
  expect(JSON.parse(readFileSync(join(path, 'types.json'), 'utf8'))).toEqual({ [data.blob.ref.toString()]: 'text/vtt', [unlike.blob.ref.toString()]: 'image/bmp' });
});

test('a ticket is good once, for its person, and none is good without one', async () => {
  const person = await newPerson('cleo', []);
  const ticket = await ticketOf(person);
  expect((await download(ticket)).status).toBe(200);
  expect(await (await download(ticket)).json()).toMatchObject({ error: 'InvalidToken' });
  expect((await download('')).status).toBe(401);
  const shown = await fetch(`${small.url}/account/export/archive`, { method: 'POST', body: new URLSearchParams({ ticket: 'x' }), headers: { accept: 'text/html,*/*;q=0.8' } });
  expect([shown.status, shown.headers.get('content-type'), shown.headers.get('content-disposition')]).toEqual([401, 'text/html; charset=utf-8', null]);
  expect(await shown.text()).toContain('<h1>This did not work</h1><p>This download was begun already, or too late: ask for it again.</p>');
  expect((await small.call('app.dunlin.account.makeArchiveTicket', { method: 'POST' })).status).toBe(401);
  const { data } = await person.agent.com.atproto.server.createAppPassword({ name: 'program' });
  const { json } = await small.call('com.atproto.server.createSession', { body: { identifier: person.did, password: data.password } });
  expect((await small.call('app.dunlin.account.makeArchiveTicket', { method: 'POST', token: String(json['accessJwt']) })).json).toMatchObject({ error: 'InvalidToken' });
});

test('a ticket is over after its time', () => {
  const clock = new ManualClock();
  const tickets = new ArchiveTickets(clock);
  const [early, late] = [tickets.make(1).ticket, tickets.make(2).ticket];
  clock.advance(ticketLifeMs - 1);
  expect(tickets.use(early)).toBe(1);
  clock.advance(1);
  expect(tickets.use(late)).toBeNull();
});

test('one archive of an account at once; a reader who leaves gives the place back', async () => {
  const person = await newPerson('dot', ['a', 'b', 'c', 'd', 'e', 'f'].map((sign) => png(sign.repeat(1_900_000))));
  const first = await download(await ticketOf(person));
  const second = await download(await ticketOf(person));
  expect(await second.json()).toMatchObject({ error: 'NotEnoughResources' });
  await first.body?.cancel();
  await eventually('the place is free', async () => {
    const again = await download(await ticketOf(person));
    await again.arrayBuffer();
    return again.status === 200;
  });
});

test('sizes are octal up to 8 GiB less one byte, and in base 256 from there on', () => {
  const size = (bytes: number): Buffer => Buffer.from(tarHead({ name: 'a', bytes, modifiedAtMs: 0 })).subarray(124, 136);
  expect(size(8_589_934_591).toString('latin1')).toBe('77777777777\0');
  expect(size(8_589_934_592).toString('hex')).toBe('800000000000000200000000');
  for (const [bytes, padding] of [[0, 0], [1, 511], [512, 0], [513, 511]] as const) expect(tarPadding(bytes)).toHaveLength(padding);
  expect(() => tarHead({ name: 'a'.repeat(101), bytes: 0, modifiedAtMs: 0 })).toThrow('short and plain');
});

test('the page that reads an archive refuses one whose sizes cannot be', async () => {
  const head = Buffer.from(tarHead({ name: 'account/account.json', bytes: 0, modifiedAtMs: 0 }));
  // So many bytes back that the next head would be this one again.
  head.write('-0000001000\0', 124, 'latin1');
  await expect(readArchive(new File([head, Buffer.alloc(2_048)], 'a.tar'))).rejects.toThrow('this archive is damaged');
});
