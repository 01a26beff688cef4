/** The directory over HTTP: what it answers, what it refuses, and that a restart keeps everything. */
import { describe, expect, test, beforeAll, afterAll } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { parsePlcLogEntry, verifyPlcLog, type PlcLogEntry } from '@dunlin/protocol/identity/plc-log';
import { plcOperationCid, signPlcOperation, type SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { following, genesis, keys, tombstone, update } from './operations.ts';

const clock = new ManualClock();
let plc: RunningPlc;

beforeAll(async () => {
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { clock, log: silentLogger });
});
afterAll(() => plc.close());

async function post(did: string, operation: unknown, base = plc.url): Promise<{ status: number; message: string }> {
  const response = await fetch(`${base}/${did}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation) });
  const text = await response.text();
  return { status: response.status, message: response.status === 200 ? text : (JSON.parse(text) as { message: string }).message };
}

interface Answer {
  status: number;
  type: string | null;
  body: Record<string, unknown>;
}

async function get(path: string, base = plc.url): Promise<Answer> {
  const response = await fetch(`${base}${path}`);
  return { status: response.status, type: response.headers.get('content-type'), body: (await response.json()) as Answer['body'] };
}

async function getAudit(did: string, base = plc.url): Promise<PlcLogEntry[]> {
  return ((await (await fetch(`${base}/${did}/log/audit`)).json()) as unknown[]).map(parsePlcLogEntry);
}

function askMany(body: unknown): Promise<Response> {
  return fetch(`${plc.url}/dids`, { method: 'POST', body: JSON.stringify(body) });
}

let made = 0;
function newDid(): { did: string; operation: SignedPlcOperation } {
  return genesis({ alsoKnownAs: [`at://user${made++}.test`] });
}

describe('reading', () => {
  test('serves a document with Multikeys under full ids', async () => {
    const { did, operation } = genesis({ alsoKnownAs: ['at://doc.test'], verificationMethods: { atproto: keys[4].did, label: keys[5].did } });
    expect(await post(did, operation)).toEqual({ status: 200, message: 'OK' });
    const answer = await get(`/${did}`);
    expect(answer.type).toBe('application/did+ld+json; charset=utf-8');
    expect(answer.body).toEqual({
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1',
        'https://w3id.org/security/suites/secp256k1-2019/v1', 'https://w3id.org/security/suites/ecdsa-2019/v1'],
      id: did,
      alsoKnownAs: ['at://doc.test'],
      verificationMethod: [
        { id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: keys[4].did.slice(8) },
        { id: `${did}#label`, type: 'Multikey', controller: did, publicKeyMultibase: keys[5].did.slice(8) },
      ],
      service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: 'https://pds.example.com' }],
    });
  });

  test('serves data, log, newest operation and audit log', async () => {
    const { did, operation } = newDid();
    const second = following(operation, keys[1], { alsoKnownAs: ['at://renamed.test'] });
    await post(did, operation);
    await post(did, second);
    expect((await get(`/${did}/data`)).body).toEqual({ did, rotationKeys: second.rotationKeys, verificationMethods: second.verificationMethods,
      alsoKnownAs: ['at://renamed.test'], services: second.services });
    expect((await get(`/${did}/log`)).body).toEqual([operation, second]);
    expect((await get(`/${did}/log/last`)).body).toEqual(second);
    const audit = await getAudit(did);
    expect(audit.map(({ cid }) => cid)).toEqual([operation, second].map((each) => plcOperationCid(each).toString()));
    expect(verifyPlcLog(did, audit)?.alsoKnownAs).toEqual(['at://renamed.test']);
  });

  test.each(['', '/data', '/log', '/log/last', '/log/audit'])('answers 404 for an unregistered did at /:did%s', async (suffix) => {
    const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
    expect(await get(`/${did}${suffix}`)).toMatchObject({ status: 404, body: { message: `DID not registered: ${did}` } });
  });

  test.each(['/favicon.ico', '/did:web:example.com', '/did:plc:short', '/%00', "/did:plc:' OR 1=1"])('answers 404 for %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test('keeps a tombstoned did gone but its log readable', async () => {
    const { did, operation } = newDid();
    const end = tombstone(operation, keys[2]);
    await post(did, operation);
    expect((await post(did, end)).status).toBe(200);
    expect(await get(`/${did}`)).toMatchObject({ status: 410, body: { message: `DID not available: ${did}` } });
    expect((await get(`/${did}/data`)).status).toBe(410);
    expect((await get(`/${did}/log`)).body).toEqual([operation, end]);
    expect((await get(`/${did}/log/last`)).body).toEqual(end);
    expect((await post(did, following(end, keys[0]))).status).toBe(400);
    const back = following(operation, keys[1], { alsoKnownAs: ['at://back.test'] });
    expect((await post(did, back)).status).toBe(200);
    expect((await get(`/${did}`)).body.alsoKnownAs).toEqual(['at://back.test']);
  });

  test('passes keys of kinds it does not know through to the document', async () => {
    const exotic = 'did:key:z6MkjwbBXZnFqL8su24wGL2Fdjti6GSLv9SWdYGswfazUPm9';
    const { did, operation } = genesis({ verificationMethods: { atproto: exotic } });
    expect((await post(did, operation)).status).toBe(200);
    expect((await get(`/${did}`)).body.verificationMethod).toEqual([{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: exotic.slice(8) }]);
  });

  test('looks many dids up at once, each once, in the order asked', async () => {
    const { did, operation } = newDid();
    const gone = newDid();
    await post(did, operation);
    await post(gone.did, gone.operation);
    await post(gone.did, tombstone(gone.operation, keys[0]));
    const absent = 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb';
    const lines = (await (await askMany({ dids: [gone.did, did, absent, did] })).text()).split('\n').map((line) => JSON.parse(line));
    expect(lines).toEqual([{ did: gone.did, document: null, tombstoned: true }, { did, document: (await get(`/${did}`)).body }, { did: absent, document: null, notFound: true }]);
    for (const body of [{}, { dids: [] }, { dids: 'x' }, { dids: [1] }, { dids: ['did:web:x.test'] }, { dids: Array(1_001).fill(did) }]) {
      expect((await askMany(body)).status).toBe(400);
    }
    expect((await askMany({ dids: Array(1_000).fill(did) })).status).toBe(200);
  });

  test('shows people a page without letting an operation into its markup', async () => {
    const { did, operation } = genesis({ alsoKnownAs: ['<script>alert(1)</script>'] });
    await post(did, operation);
    const page = await (await fetch(plc.url)).text();
    expect(page).toContain(did);
    expect(page).toContain('&#60;script&#62;');
    expect(page).not.toContain('<script>');
  });

  test('answers health, HEAD and unknown XRPC methods as every server here does', async () => {
    expect((await get('/_health')).body).toEqual({ version: expect.any(String) });
    const { did, operation } = newDid();
    await post(did, operation);
    expect((await fetch(`${plc.url}/${did}`, { method: 'HEAD' })).status).toBe(200);
    expect((await get('/xrpc/com.atproto.sync.listRepos')).status).toBe(501);
    expect((await fetch(`${plc.url}/${did}`, { method: 'DELETE' })).status).toBe(405);
  });
});

describe('submitting', () => {
  test('a repeat of the newest operation is no fault and stores nothing', async () => {
    const { did, operation } = newDid();
    await post(did, operation);
    expect((await post(did, operation)).status).toBe(200);
    expect((await get(`/${did}/log/audit`)).body.length).toBe(1);
    const second = following(operation, keys[0]);
    await post(did, second);
    expect((await post(did, operation)).status).toBe(400);
  });

  test('refuses a genesis under another did', async () => {
    const { operation } = newDid();
    expect(await post('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', operation)).toMatchObject({ status: 400, message: expect.stringContaining('makes another did') });
  });

  test('refuses an update of a did that is not registered, and one without prev of a did that is', async () => {
    const { did, operation } = newDid();
    expect((await post(did, following(operation, keys[0]))).status).toBe(400);
    await post(did, operation);
    expect((await post(did, signPlcOperation(update({ alsoKnownAs: [] }), keys[0]))).status).toBe(400);
    expect((await post('did:web:example.com', operation)).status).toBe(400);
  });

  test('refuses strangers, altered operations and loose signatures', async () => {
    const { did, operation } = newDid();
    await post(did, operation);
    const good = following(operation, keys[0]);
    const bytes = Buffer.from(good.sig, 'base64url');
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const highS = (order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0');
    const bad = [
      following(operation, keys[4]),
      { ...good, alsoKnownAs: ['at://eve.test'] },
      { ...good, sig: `${good.sig}==` },
      { ...good, sig: `${good.sig}\n` },
      { ...good, sig: bytes.toString('base64') },
      { ...good, sig: Buffer.concat([bytes, Buffer.of(0)]).toString('base64url') },
      { ...good, sig: Buffer.concat([bytes.subarray(0, 32), Buffer.from(highS, 'hex')]).toString('base64url') },
      { ...good, sig: '' },
    ];
    for (const each of bad) expect(await post(did, each)).toMatchObject({ status: 400 });
    expect((await post(did, good)).status).toBe(200);
  });

  test('twenty updates racing for one place: one wins', async () => {
    const { did, operation } = newDid();
    await post(did, operation);
    const racing = await Promise.all(Array.from({ length: 20 }, (_, index) => post(did, following(operation, keys[0], { alsoKnownAs: [`at://r${index}.test`] }))));
    expect(racing.filter(({ status }) => status === 200).length).toBe(1);
    expect((await get(`/${did}/log`)).body.length).toBe(2);
  });

  test.each([
    ['not json', '{', 400], ['another shape', '[]', 400], ['null', 'null', 400], ['deep json', '['.repeat(5_000), 400],
    ['nothing', '', 400], ['bytes that are not text', Buffer.from([0xff, 0xfe]), 400], ['a body beyond the bound', JSON.stringify('x'.repeat(40_000)), 413],
    ['a prototype', '{"__proto__":{"type":"plc_operation"}}', 400],
  ])('answers %s with a sentence and goes on', async (_name, body, status) => {
    const { did } = newDid();
    const response = await fetch(`${plc.url}/${did}`, { method: 'POST', body });
    expect(response.status).toBe(status);
    expect(((await response.json()) as { message: string }).message.length).toBeGreaterThan(3);
    expect((await get('/_health')).status).toBe(200);
  });

  test('refuses a compressed body that unpacks beyond the bound', async () => {
    const { gzipSync } = await import('node:zlib');
    const response = await fetch(`${plc.url}/${newDid().did}`, { method: 'POST', headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(10_000_000)) });
    expect(response.status).toBe(413);
  });
});

describe('export', () => {
  test('gives every operation once by seq, page by page', async () => {
    const lines: { seq: number; type: string; did: string; cid: string; nullified?: boolean }[] = [];
    for (let after = 0; ;) {
      const response = await fetch(`${plc.url}/export?count=7&after=${after}`);
      expect(response.headers.get('content-type')).toContain('application/jsonlines');
      const page = (await response.text()).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
      expect(page.length).toBeLessThanOrEqual(7);
      if (page.length === 0) break;
      lines.push(...page);
      after = page.at(-1).seq;
    }
    expect(lines.length).toBeGreaterThan(10);
    expect(new Set(lines.map(({ cid }) => cid)).size).toBe(lines.length);
    expect(lines.every(({ type, nullified }) => type === 'sequenced_op' && nullified === undefined)).toBe(true);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map(({ seq }) => seq).toSorted((a, b) => a - b));
  });

  test('gives every operation once by time too, although the clock stood still', async () => {
    const all = (await (await fetch(`${plc.url}/export`)).text()).split('\n').map((line) => JSON.parse(line));
    const paged: { cid: string; createdAt: string; seq?: number; nullified: boolean }[] = [];
    for (let after = ''; ;) {
      const text = await (await fetch(`${plc.url}/export?count=5&after=${encodeURIComponent(after)}`)).text();
      if (text === '') break;
      paged.push(...text.split('\n').map((line) => JSON.parse(line)));
      after = paged.at(-1)!.createdAt;
    }
    expect(paged).toEqual(all);
    expect(paged.some(({ nullified }) => nullified)).toBe(true);
    expect(paged.every((entry) => parsePlcLogEntry(entry).createdAtMs >= clock.nowMs() && entry.seq === undefined)).toBe(true);
  });

  test.each(['count=0', 'count=-1', 'count=x', 'count=1&count=2', 'after=yesterday', 'after=-1', 'after=2026-13-45T99:00:00Z', 'after=1e3'])('refuses %s', async (query) => {
    expect((await get(`/export?${query}`)).status).toBe(400);
  });

  test('gives at most a thousand lines', async () => {
    expect((await fetch(`${plc.url}/export?count=999999999`)).status).toBe(200);
  });
});

describe('limits', () => {
  const start = (fields: object): Promise<RunningPlc> =>
    startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:', ...fields }, { clock: limitClock, log: silentLogger });
  const limitClock = new ManualClock();

  test('counts the standing operations of a did in sliding windows, and lets a recovery pass', async () => {
    const limited = await start({ operationsPerHour: 3, operationsPerDay: 5 });
    try {
      const { did, operation } = newDid();
      let last: SignedPlcOperation = operation;
      expect((await post(did, operation, limited.url)).status).toBe(200);
      const next = async (): Promise<number> => {
        const operation = following(last, keys[1], { alsoKnownAs: [`at://n${made++}.test`] });
        const { status } = await post(did, operation, limited.url);
        if (status === 200) last = operation;
        return status;
      };
      expect([await next(), await next(), await next()]).toEqual([200, 200, 429]);
      limitClock.advance(3_600_000 - 1);
      expect(await next()).toBe(429);
      limitClock.advance(1);
      expect([await next(), await next(), await next()]).toEqual([200, 200, 429]);
      limitClock.advance(3_600_001);
      expect(await next()).toBe(429);
      const recovery = following(operation, keys[0]);
      expect((await post(did, recovery, limited.url)).status).toBe(200);
      expect((await post(did, following(recovery, keys[0]), limited.url)).status).toBe(200);
    } finally {
      await limited.close();
    }
  });

  test('counts submissions of an address', async () => {
    const limited = await start({ submissionsPerMinute: 2 });
    try {
      const statuses = [];
      for (let index = 0; index < 3; index++) {
        const { did, operation } = newDid();
        statuses.push((await post(did, operation, limited.url)).status);
      }
      expect(statuses).toEqual([200, 200, 429]);
    } finally {
      await limited.close();
    }
  });
});

test('a restart keeps the log, its order and its time, though the clock went back', async () => {
  const folder = await temporaryFolder();
  const manual = new ManualClock();
  const start = (): Promise<RunningPlc> => startPlc({ port: 0, host: '127.0.0.1', dataDirectory: folder.path }, { clock: manual, log: silentLogger });
  const { did, operation } = newDid();
  const first = await start();
  await post(did, operation, first.url);
  await first.close();
  manual.setNow(manual.nowMs() - 86_400_000);
  const second = await start();
  try {
    expect((await post(did, following(operation, keys[0]), second.url)).status).toBe(200);
    const audit = await getAudit(did, second.url);
    expect(audit[1].createdAtMs).toBe(audit[0].createdAtMs + 1);
  } finally {
    await second.close();
    await folder.remove();
  }
});
