/**
 * The life of a blob over HTTP: uploaded, named by a record, served, named by none, collected. The same wherever its bytes lie: run for a
 * folder in tests/pds/blob, for a bucket in tests/peers.
 * Not for what only one of the places does. Source: ours.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

const hour = 3_600_000;
const limit = 100_000;
const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(62, 7)]);

interface BlobRef {
  $type: 'blob';
  ref: { $link: string };
  mimeType: string;
  size: number;
}

/** Where the bytes lie. */
export interface TestedPlace {
  /** Settings that choose it; asked when the tests begin. */
  environment(): Record<string, string>;
  isThere(small: SmallPds, did: string, cid: string): Promise<boolean>;
}

/** Declares the tests. */
export function describeBlobLife(place: TestedPlace): void {
  const clock = new ManualClock(Date.UTC(2026, 10, 24));
  let small: SmallPds;
  let alice: Person;
  beforeAll(async () => {
    small = await startSmallPds({ clock, environment: { PDS_BLOB_UPLOAD_LIMIT: String(limit), PDS_BLOB_UNUSED_GRACE: '2h', PDS_BLOB_TRASH_TIME: '0', ...place.environment() } });
    alice = await small.newPerson('alice');
  });
  afterAll(() => small.close());

  const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
  const upload = (body: Buffer, headers: Record<string, string> = { 'content-type': 'image/png' }): Promise<Answer> =>
    small.call('com.atproto.repo.uploadBlob', { body, headers, token: alice.token });
  const blobOf = ({ json }: Answer): BlobRef => json['blob'] as BlobRef;
  const put = (rkey: string, blobs: unknown): Promise<Answer> =>
    small.call('com.atproto.repo.putRecord', { body: { repo: alice.did, collection: 'com.example.file', rkey, record: { blobs } }, token: alice.token });
  const remove = (rkey: string): Promise<Answer> => small.call('com.atproto.repo.deleteRecord', { body: { repo: alice.did, collection: 'com.example.file', rkey }, token: alice.token });
  const get = (cid: string, more: object = {}): Promise<Answer> => small.call('com.atproto.sync.getBlob', { params: { did: alice.did, cid }, ...more });
  const listed = async (): Promise<string[]> => (await small.call('com.atproto.sync.listBlobs', { params: { did: alice.did } })).json['cids'] as string[];
  const isThere = (cid: string): Promise<boolean> => place.isThere(small, alice.did, cid);

  describe('an upload', () => {
    test('answers with a reference whose type comes from the bytes, and is not served before a record names it', async () => {
      const answer = await upload(png, { 'content-type': 'text/plain' });
      expect(answer.json).toEqual({ blob: { $type: 'blob', ref: { $link: expect.stringMatching(/^bafkrei/) }, mimeType: 'image/png', size: 70 } });
      const cid = blobOf(answer).ref.$link;
      expect(says(await get(cid))).toEqual([400, 'InvalidRequest', 'Blob not found']);
      expect(await listed()).toEqual([]);
      expect((await put('picture', [blobOf(answer)])).status).toBe(200);
      const served = await get(cid);
      expect(served.bytes.equals(png)).toBe(true);
      expect(Object.fromEntries(['content-type', 'content-length', 'content-disposition', 'content-security-policy', 'x-content-type-options', 'etag'].map((name) => [name, served.headers.get(name)]))).toEqual({
        'content-type': 'image/png', 'content-length': '70', 'content-disposition': `attachment; filename="${cid}"`,
        'content-security-policy': "default-src 'none'; sandbox", 'x-content-type-options': 'nosniff', etag: `"${cid}"`,
      });
      expect(await listed()).toEqual([cid]);
    });

    test.each<[string, Record<string, string>, string]>([
      ['nothing is declared', {}, 'application/octet-stream'],
      ['a wildcard is declared', { 'content-type': '*/*' }, 'application/octet-stream'],
      ['a type is declared', { 'content-type': 'text/vtt; charset=utf-8' }, 'text/vtt'],
    ])('of unknown bytes is of a sound type when %s', async (_what, headers, expected) => {
      expect(blobOf(await upload(Buffer.from('WEBVTT hello'), headers)).mimeType).toBe(expected);
    });

    test('may be empty, compressed, and as large as the limit but not larger', async () => {
      expect(blobOf(await upload(Buffer.alloc(0), { 'content-type': 'text/plain' }))).toMatchObject({ size: 0 });
      expect(blobOf(await upload(gzipSync(png), { 'content-type': 'image/png', 'content-encoding': 'gzip' }))).toMatchObject({ size: 70, mimeType: 'image/png' });
      expect((await upload(Buffer.alloc(limit, 1))).status).toBe(200);
      expect((await upload(Buffer.alloc(limit + 1, 1))).status).toBe(413);
      expect((await upload(gzipSync(Buffer.alloc(limit + 1, 1)), { 'content-type': 'image/png', 'content-encoding': 'gzip' })).status).toBe(413);
      await eventually('nothing half is left', () => readdirSync(join(small.dataDirectory, 'blobs-temp')).length === 0);
    });

    test('needs a token', async () => {
      expect((await small.call('com.atproto.repo.uploadBlob', { body: png, headers: { 'content-type': 'image/png' } })).json['error']).toBe('AuthMissing');
    });

    test('may come from a service with a token for just that', async () => {
      const did = String((await small.call('com.atproto.server.describeServer')).json['did']);
      const ask = async (lxm: string): Promise<string> => String((await small.call('com.atproto.server.getServiceAuth', { params: { aud: did, lxm }, token: alice.token })).json['token']);
      expect((await small.call('com.atproto.repo.uploadBlob', { body: png, headers: { 'content-type': 'image/png' }, token: await ask('com.atproto.repo.uploadBlob') })).status).toBe(200);
      expect((await small.call('com.atproto.repo.uploadBlob', { body: png, headers: { 'content-type': 'image/png' }, token: await ask('com.atproto.repo.getRecord') })).json['error']).toBe('BadJwtLexiconMethod');
    });
  });

  describe('a record', () => {
    test('must say of a blob what is true, and name one that is there', async () => {
      const blob = blobOf(await upload(png));
      const missing = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq';
      expect(says(await put('x', { ...blob, ref: { $link: missing } }))).toEqual([400, 'BlobNotFound', `Could not find blob: ${missing}`]);
      expect((await put('x', { ...blob, mimeType: 'image/jpeg' })).json['error']).toBe('InvalidMimeType');
      expect((await put('x', { ...blob, size: 71 })).json['error']).toBe('InvalidSize');
      expect((await put('x', { ...blob, size: '70' })).status).toBe(400);
      expect((await put('x', { ...blob, ref: { $link: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' } })).status).toBe(400);
    });

    test('of a known type must hold to the kinds and sizes its lexicon allows', async () => {
      const profile = (avatar: BlobRef): Promise<Answer> =>
        small.call('com.atproto.repo.putRecord', { body: { repo: alice.did, collection: 'app.bsky.actor.profile', rkey: 'self', record: { avatar } }, token: alice.token });
      const text = blobOf(await upload(Buffer.from('no picture'), { 'content-type': 'text/plain' }));
      expect(says(await profile(text))).toEqual([400, 'InvalidMimeType', 'Wrong type of file. It is text/plain but it must match image/png, image/jpeg.']);
      expect((await profile({ ...blobOf(await upload(png)), size: 1_000_001 })).json['error']).toBe('BlobTooLarge');
      expect((await profile(blobOf(await upload(png)))).json['validationStatus']).toBe('valid');
    });

    test('keeps a blob alive as long as one names it; then it is kept for the grace and collected', async () => {
      const bytes = Buffer.from('kept and let go');
      const blob = blobOf(await upload(bytes, { 'content-type': 'text/plain' }));
      const cid = blob.ref.$link;
      await put('one', [blob]);
      await put('two', [blob]);
      await remove('one');
      expect((await get(cid)).status).toBe(200);
      await put('two', []);
      expect((await get(cid)).status).toBe(400);
      expect(await isThere(cid)).toBe(true);
      await put('two', [blob]);
      expect((await get(cid)).bytes.equals(bytes)).toBe(true);
      await remove('two');
      clock.advance(hour);
      await put('unrelated', []);
      alice.token = String((await small.call('com.atproto.server.createSession', { body: { identifier: alice.did, password: 'alice password' } })).json['accessJwt']);
      expect(await isThere(cid)).toBe(true);
      clock.advance(1.5 * hour);
      await eventually('the file is collected', async () => !(await isThere(cid)));
      expect((await put('three', [blob])).json['error']).toBe('BlobNotFound');
      expect((await get((await listed())[0])).status).toBe(200);
    });
  });

  describe('serving', () => {
    let cid: string;
    beforeAll(async () => {
      const blob = blobOf(await upload(Buffer.from('0123456789'), { 'content-type': 'text/plain' }));
      cid = blob.ref.$link;
      await put('digits', [blob]);
    });

    test.each<[string, number, string, string | null]>([
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=0-99', 206, '0123456789', 'bytes 0-9/10'],
      ['bytes=10-', 416, '', 'bytes */10'],
      ['bytes=4-2', 200, '0123456789', null],
      ['lines=1-2', 200, '0123456789', null],
    ])('answers the range %s', async (range, status, text, contentRange) => {
      const answer = await get(cid, { headers: { range } });
      expect([answer.status, answer.bytes.toString(), answer.headers.get('content-range')]).toEqual([status, text, contentRange]);
    });

    test('gives a part to who has the rest of the same, and the whole to who has something else', async () => {
      const part = async (mark: string): Promise<number> => (await get(cid, { headers: { range: 'bytes=2-4', 'if-range': mark } })).status;
      expect(await Promise.all([`"${cid}"`, '"other"', `W/"${cid}"`].map(part))).toEqual([206, 200, 200]);
    });

    test('sends nothing to who has it already, and only headers to HEAD', async () => {
      for (const mark of [`"${cid}"`, `W/"${cid}"`, `"other", W/"${cid}"`, '*']) expect((await get(cid, { headers: { 'if-none-match': mark } })).status).toBe(304);
      for (const mark of ['"other"', cid, `"${cid}`]) expect((await get(cid, { headers: { 'if-none-match': mark } })).status).toBe(200);
      const head = await get(cid, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), head.bytes.length]).toEqual([200, '10', 0]);
    });

    test('closes a blob that was taken down, to new records and uploads too', async () => {
      const set = (applied: boolean): Promise<Answer> => small.call('com.atproto.admin.updateSubjectStatus', { body: { subject: { $type: 'com.atproto.admin.defs#repoBlobRef', did: alice.did, cid }, takedown: { applied } }, headers: small.admin });
      await set(true);
      expect((await get(cid)).status).toBe(400);
      expect((await upload(Buffer.from('0123456789'), { 'content-type': 'text/plain' })).json['message']).toBe('Blob has been takendown, cannot re-upload');
      const { json } = await small.call('com.atproto.admin.getSubjectStatus', { params: { did: alice.did, blob: cid }, headers: small.admin });
      expect(json['takedown']).toEqual({ applied: true, ref: expect.any(String) });
      await set(false);
      expect((await get(cid)).status).toBe(200);
    });
  });
}
