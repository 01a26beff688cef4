/** Writing and reading records over HTTP: results, swaps, validation, and the words of every refusal. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { post, startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let alice: Person;
let bob: Person;
beforeAll(async () => {
  small = await startSmallPds();
  alice = await small.newPerson('alice');
  bob = await small.newPerson('bob');
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const write = (method: string, body: object, person = alice): Promise<Answer> =>
  small.call(`com.atproto.repo.${method}`, { body: { repo: person.did, ...body }, token: person.token });
const create = (collection: string, record: object, more: object = {}): Promise<Answer> => write('createRecord', { collection, record, ...more });
const read = (params: Record<string, string | number>): Promise<Answer> => small.call('com.atproto.repo.getRecord', { params: { repo: alice.did, ...params } });
const commitOf = ({ json }: Answer): { cid: string; rev: string } => json['commit'] as { cid: string; rev: string };
const latest = async (): Promise<string> => String((await small.call('com.atproto.sync.getLatestCommit', { params: { did: alice.did } })).json['cid']);
const putSelf = (a: number): Promise<Answer> => write('putRecord', { collection: 'com.example.thing', rkey: 'self', record: { a } });
const putSwapping = (rkey: string, swapRecord: string | null): Promise<Answer> => write('putRecord', { collection: 'com.example.thing', rkey, record: { a: rkey, swapRecord }, swapRecord });
const removeGone = (more: object = {}): Promise<Answer> => write('deleteRecord', { collection: 'com.example.thing', rkey: 'gone', ...more });
const type = (action: string): string => `com.atproto.repo.applyWrites#${action}`;
const apply = (writes: object[], more: object = {}): Promise<Answer> => write('applyWrites', { writes, ...more });
const list = (params: Record<string, string | number>): Promise<Answer> => small.call('com.atproto.repo.listRecords', { params: { repo: bob.did, collection: 'com.example.page', ...params } });
const keys = ({ json }: Answer): string[] => (json['records'] as { uri: string }[]).map(({ uri }) => uri.split('/').at(-1) ?? '');
const manyWrites = (count: number): object[] => Array.from({ length: count }, (_each, n) => ({ $type: type('create'), collection: 'com.example.many', rkey: `k${count}-${n}`, value: { n } }));

describe('createRecord', () => {
  test('answers with uri, cid, commit and status, in that order', async () => {
    const answer = await create('app.bsky.feed.post', post('hello'), { rkey: '3kabcdefgh222' });
    expect(Object.keys(answer.json)).toEqual(['uri', 'cid', 'commit', 'validationStatus']);
    expect(answer.json).toEqual({
      uri: `at://${alice.did}/app.bsky.feed.post/3kabcdefgh222`, cid: expect.stringMatching(/^bafyrei/),
      commit: { cid: expect.stringMatching(/^bafyrei/), rev: expect.stringMatching(/^3[a-z2-7]{12}$/) }, validationStatus: 'valid',
    });
    expect(commitOf(answer).cid).toBe(await latest());
  });

  test('takes a handle for the repository and fills in the type', async () => {
    const { uri } = (await small.call('com.atproto.repo.createRecord', { body: { repo: 'ALICE.test', collection: 'com.example.thing', record: { a: 1 } }, token: alice.token })).json;
    const { json } = await read({ collection: 'com.example.thing', rkey: String(uri).split('/').at(-1) ?? '' });
    expect(json['value']).toEqual({ $type: 'com.example.thing', a: 1 });
  });

  test('says 400 RecordAlreadyExists for a key that is taken', async () => {
    expect((await create('app.bsky.feed.post', post('again'), { rkey: '3kabcdefgh222' })).json['error']).toBe('RecordAlreadyExists');
  });

  test('tells known types from unknown ones, by what the caller wants checked', async () => {
    expect((await create('com.example.thing', { a: 1 })).json['validationStatus']).toBe('unknown');
    expect(says(await create('com.example.thing', { a: 1 }, { validate: true }))).toEqual([400, 'InvalidRequest', 'Unknown lexicon type: com.example.thing']);
    expect((await create('com.example.thing', { a: 1 }, { validate: false })).json).not.toHaveProperty('validationStatus');
    expect((await create('app.bsky.feed.post', { text: 5 }, { validate: false })).status).toBe(200);
  });

  test('checks our own lexicons too', async () => {
    const reaction = { subject: { $type: 'app.dunlin.live.reaction#recordSubject', uri: `at://${alice.did}/app.bsky.feed.post/3kabcdefgh222` }, value: '🎉', createdAt: '2026-11-24T00:00:00.000Z' };
    expect((await create('app.dunlin.live.reaction', reaction)).json['validationStatus']).toBe('valid');
    expect((await create('app.dunlin.live.reaction', { ...reaction, value: 'ab' })).status).toBe(400);
  });

  test.each<[string, object, string]>([
    ['a field of the wrong type', { ...post('x'), text: 5 }, 'Invalid app.bsky.feed.post record: Expected string value type (got 5) at $.record.text'],
    ['a missing field', { createdAt: '2026-11-24T00:00:00.000Z' }, 'Invalid app.bsky.feed.post record: Missing required key "text" at $.record'],
    ['another type', { ...post('x'), $type: 'app.bsky.feed.like' }, 'Invalid $type: expected app.bsky.feed.post, got app.bsky.feed.like'],
    ['a float', { ...post('x'), a: 1.5 }, 'Expected one of null, boolean, integer, string, cid, bytes, array or object value type (got 1.5) at $.record.a'],
    ['a float deep inside', { ...post('x'), a: [{ b: 0.5 }] }, 'Expected one of null, boolean, integer, string, cid, bytes, array or object value type (got 0.5) at $.record.a[0].b'],
    ['a time without its zone', { ...post('x'), createdAt: '2026-11-24T00:00:00' }, 'Invalid app.bsky.feed.post record: Invalid datetime (got "2026-11-24T00:00:00") at $.record.createdAt'],
    ['a language in another case than its own', { ...post('x'), langs: ['en', 'EN'] }, 'Invalid app.bsky.feed.post record: Invalid language (got "EN") at $.record.langs[1]'],
    ['a CID in another base than its own, inside a union', { ...post('x'), embed: { $type: 'app.bsky.embed.record', record: { uri: 'at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', cid: 'zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA' } } }, 'Invalid app.bsky.feed.post record: Invalid CID string (got "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA") at $.record.embed.record.cid'],
    ['a CID in another base than its own, in a union whose type has its scheme', { ...post('x'), embed: { $type: 'lex:app.bsky.embed.record', record: { uri: 'at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', cid: 'zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA' } } }, 'Invalid app.bsky.feed.post record: Invalid CID string (got "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA") at $.record.embed.record.cid'],
    ['a CID in another base than its own, in a union whose type is written out', { ...post('x'), embed: { $type: 'app.bsky.embed.record#main', record: { uri: 'at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', cid: 'zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA' } } }, 'Invalid app.bsky.feed.post record: Invalid CID string (got "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA") at $.record.embed.record.cid'],
    ['an old blob reference', { ...post('x'), a: { cid: 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq', mimeType: 'image/png' } }, 'Legacy blobs are not allowed at $.record.a'],
  ])('refuses %s', async (_what, record, message) => {
    expect(says(await create('app.bsky.feed.post', record))).toEqual([400, 'InvalidRequest', message]);
  });

  test('holds to the kind of key a lexicon asks for, and knows the one literal key itself', async () => {
    expect((await create('app.bsky.feed.post', post('x'), { rkey: 'not-a-tid' })).status).toBe(400);
    expect((await create('app.bsky.actor.profile', { displayName: 'Alice' }, { rkey: 'other' })).status).toBe(400);
    expect((await create('app.bsky.actor.profile', { displayName: 'Alice' })).json['uri']).toBe(`at://${alice.did}/app.bsky.actor.profile/self`);
  });

  test('replaces the earlier like of the same subject in the same commit', async () => {
    const subject = { uri: `at://${bob.did}/app.bsky.feed.post/3kabcdefgh222`, cid: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' };
    const like = { subject, createdAt: '2026-11-24T00:00:00.000Z' };
    await create('app.bsky.feed.like', like);
    const { uri } = (await create('app.bsky.feed.like', like)).json;
    const { json } = await small.call('com.atproto.repo.listRecords', { params: { repo: alice.did, collection: 'app.bsky.feed.like' } });
    expect((json['records'] as { uri: string }[]).map((record) => record.uri)).toEqual([uri]);
  });

  test('knows its own repositories from others', async () => {
    expect(says(await create('com.example.thing', {}, { repo: bob.did }))).toEqual([401, 'AuthenticationRequired', 'Authentication Required']);
    expect(says(await create('com.example.thing', {}, { repo: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }))).toEqual([403, 'AccountNotFound', 'Account not found']);
  });

  test('writes only onto the commit the caller believes in', async () => {
    const head = await latest();
    const wrong = 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y';
    expect(says(await create('com.example.thing', { a: 2 }, { swapCommit: wrong }))).toEqual([400, 'InvalidSwap', `Commit was at ${head}`]);
    expect((await create('com.example.thing', { a: 2 }, { swapCommit: head })).status).toBe(200);
  });

  test('takes links, bytes and unicode through to the reader unchanged', async () => {
    const record = { link: { $link: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' }, bytes: { $bytes: 'AAECAw' }, text: 'e\u0301 🐦', nested: { list: [1, null, true, -5] } };
    const { json } = await create('com.example.thing', record, { rkey: 'kinds' });
    expect((await read({ collection: 'com.example.thing', rkey: 'kinds' })).json).toEqual({ uri: json['uri'], cid: json['cid'], value: { $type: 'com.example.thing', ...record } });
  });

  test.each<[string, object, number, string]>([
    ['no record', { collection: 'com.example.thing' }, 400, 'InvalidRequest'],
    ['a record that is no object', { collection: 'com.example.thing', record: 'text' }, 400, 'InvalidRequest'],
    ['a list for a record', { collection: 'com.example.thing', record: [] }, 400, 'InvalidRequest'],
    ['a broken link', { collection: 'com.example.thing', record: { a: { $link: 'nonsense' } } }, 400, 'InvalidRequest'],
    ['a broken key', { collection: 'com.example.thing', record: {}, rkey: 'a/b' }, 400, 'InvalidRequest'],
    ['a broken collection', { collection: 'thing', record: {} }, 400, 'InvalidRequest'],
    ['a broken swap', { collection: 'com.example.thing', record: {}, swapCommit: 'nonsense' }, 400, 'InvalidRequest'],
    ['a prototype', { collection: 'com.example.thing', record: JSON.parse('{"__proto__":{"a":1}}') as object }, 400, 'InvalidRequest'],
    ['a body that is too large', { collection: 'com.example.thing', record: { a: 'x'.repeat(1_000_000) } }, 413, 'PayloadTooLarge'],
  ])('answers %s without writing', async (_what, body, status, error) => {
    const before = await latest();
    const answer = await write('createRecord', body);
    expect([answer.status, answer.json['error']]).toEqual([status, error]);
    expect(await latest()).toBe(before);
  });
});

describe('putRecord', () => {
  test('creates, updates, and does nothing when the record stands there already', async () => {
    const first = await putSelf(1);
    expect(Object.keys(first.json)).toEqual(['uri', 'cid', 'commit', 'validationStatus']);
    const same = await putSelf(1);
    expect(Object.keys(same.json)).toEqual(['uri', 'cid', 'validationStatus']);
    expect(same.json['cid']).toBe(first.json['cid']);
    expect((await putSelf(2)).json['cid']).not.toBe(first.json['cid']);
    expect((await read({ collection: 'com.example.thing', rkey: 'self' })).json['value']).toEqual({ $type: 'com.example.thing', a: 2 });
  });

  test('holds to swapRecord: a CID, or null for "there must be none"', async () => {
    const { cid } = (await read({ collection: 'com.example.thing', rkey: 'self' })).json;
    expect(says(await putSwapping('self', null))).toEqual([400, 'InvalidSwap', `Record was at ${String(cid)}`]);
    expect((await putSwapping('self', String(cid))).status).toBe(200);
    expect((await putSwapping('self', String(cid))).json['error']).toBe('InvalidSwap');
    expect((await putSwapping('fresh', null)).status).toBe(200);
    expect(says(await putSwapping('other', String(cid)))).toEqual([400, 'InvalidSwap', 'Record was at null']);
  });
});

describe('deleteRecord', () => {
  test('removes a record once and is content when there is none', async () => {
    await create('com.example.thing', { a: 1 }, { rkey: 'gone' });
    expect((await removeGone({ swapRecord: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' })).json['error']).toBe('InvalidSwap');
    expect(Object.keys((await removeGone()).json)).toEqual(['commit']);
    const again = await removeGone();
    expect([again.status, again.bytes.toString()]).toEqual([200, '{}']);
    expect((await read({ collection: 'com.example.thing', rkey: 'gone' })).json['error']).toBe('RecordNotFound');
  });

  test('leaves an equal record under another key alone', async () => {
    await create('com.example.thing', { twin: true }, { rkey: 'twin1' });
    await create('com.example.thing', { twin: true }, { rkey: 'twin2' });
    await write('deleteRecord', { collection: 'com.example.thing', rkey: 'twin1' });
    expect((await read({ collection: 'com.example.thing', rkey: 'twin2' })).json['value']).toEqual({ $type: 'com.example.thing', twin: true });
  });
});

describe('applyWrites', () => {
  test.each<[string, object, string]>([
    ['its lexicon', { ...post('x'), text: 5 }, 'Invalid app.bsky.feed.post record: Expected string value type (got 5) at $.writes[1].value.text'],
    ['a format', { ...post('x'), createdAt: '2026-11-24T00:00:00' }, 'Invalid app.bsky.feed.post record: Invalid datetime (got "2026-11-24T00:00:00") at $.writes[1].value.createdAt'],
    ['the data model', { ...post('x'), a: 0.5 }, 'Expected one of null, boolean, integer, string, cid, bytes, array or object value type (got 0.5) at $.writes[1].value.a'],
  ])('says which of the records breaks %s', async (_what, value, message) => {
    const collection = 'app.bsky.feed.post';
    expect(says(await apply([{ $type: type('create'), collection, value: post('x') }, { $type: type('create'), collection, value }]))).toEqual([400, 'InvalidRequest', message]);
  });


  test('writes all in one commit and answers in their order', async () => {
    await create('com.example.list', { n: 0 }, { rkey: 'old' });
    await create('com.example.list', { n: 0 }, { rkey: 'bad' });
    const { json } = await apply([
      { $type: type('create'), collection: 'com.example.list', rkey: 'new', value: { n: 1 } },
      { $type: type('update'), collection: 'com.example.list', rkey: 'old', value: { n: 2 } },
      { $type: type('delete'), collection: 'com.example.list', rkey: 'bad' },
    ]);
    expect(json['results']).toEqual([
      { cid: expect.any(String), uri: `at://${alice.did}/com.example.list/new`, validationStatus: 'unknown', $type: type('createResult') },
      { cid: expect.any(String), uri: `at://${alice.did}/com.example.list/old`, validationStatus: 'unknown', $type: type('updateResult') },
      { $type: type('deleteResult') },
    ]);
  });

  test('writes nothing when one of them fails', async () => {
    const before = await latest();
    const create = { $type: type('create'), collection: 'com.example.list', rkey: 'half', value: {} };
    expect((await apply([create, { $type: type('update'), collection: 'com.example.list', rkey: 'missing', value: {} }])).json['error']).toBe('RecordNotFound');
    expect((await apply([create, { $type: type('delete'), collection: 'com.example.list', rkey: 'missing' }])).json['error']).toBe('RecordNotFound');
    expect((await apply([create, create])).status).toBe(400);
    expect((await apply([create, { ...create, rkey: 'new' }])).json['error']).toBe('RecordAlreadyExists');
    expect(await latest()).toBe(before);
  });

  test('takes 200 writes and not one more', async () => {
    expect((await apply(manyWrites(200))).status).toBe(200);
    expect(says(await apply(manyWrites(201)))).toEqual([400, 'InvalidRequest', 'Too many writes. Max: 200']);
  });

  test('makes no commit of an empty list, but still checks the swap', async () => {
    const before = await latest();
    const answer = await apply([]);
    expect(answer.json).toEqual({ results: [] });
    expect(await latest()).toBe(before);
    expect((await apply([], { swapCommit: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' })).json['error']).toBe('InvalidSwap');
  });

  test('takes an update that changes nothing, and the repository still holds together', async () => {
    const update = { $type: type('update'), collection: 'com.example.list', rkey: 'old', value: { n: 2 } };
    for (let times = 0; times < 3; times++) expect((await apply([update])).status).toBe(200);
    expect((await create('com.example.list', { n: 9 }, { rkey: 'after' })).status).toBe(200);
  });
});

describe('reading', () => {

  test('lists the highest key first, page by page, or the other way round', async () => {
    for (const rkey of ['a', 'b', 'c', 'd', 'e']) await write('createRecord', { collection: 'com.example.page', rkey, record: { rkey } }, bob);
    const first = await list({ limit: 2 });
    expect([keys(first), first.json['cursor']]).toEqual([['e', 'd'], 'd']);
    expect(keys(await list({ limit: 2, cursor: 'd' }))).toEqual(['c', 'b']);
    expect(keys(await list({ limit: 2, reverse: 'true' }))).toEqual(['a', 'b']);
    expect(keys(await list({ cursor: 'c', reverse: 'true' }))).toEqual(['d', 'e']);
    expect((await list({ cursor: 'a' })).json).toEqual({ records: [] });
  });

  test('bounds a page on both sides', async () => {
    expect((await list({ limit: 100 })).status).toBe(200);
    expect(says(await list({ limit: 101 }))).toEqual([400, 'InvalidRequest', 'Invalid com.atproto.repo.listRecords params: integer too big (maximum 100, got 101)']);
    expect((await list({ limit: 0 })).status).toBe(400);
  });

  test('says where it could not locate a record, also when its CID is another', async () => {
    expect(says(await read({ collection: 'app.bsky.feed.post', rkey: 'zzz' }))).toEqual([400, 'RecordNotFound', `Could not locate record: at://${alice.did}/app.bsky.feed.post/zzz`]);
    const { cid } = (await read({ collection: 'com.example.thing', rkey: 'self' })).json;
    expect((await read({ collection: 'com.example.thing', rkey: 'self', cid: String(cid) })).status).toBe(200);
    expect((await read({ collection: 'com.example.thing', rkey: 'self', cid: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' })).json['error']).toBe('RecordNotFound');
  });

  test('describes a repository, by handle or DID', async () => {
    const { json } = await small.call('com.atproto.repo.describeRepo', { params: { repo: 'bob.test' } });
    expect(json).toMatchObject({ handle: 'bob.test', did: bob.did, collections: ['com.example.page'], handleIsCorrect: true });
    expect(says(await small.call('com.atproto.repo.describeRepo', { params: { repo: 'nobody.test' } }))).toEqual([400, 'RepoNotFound', 'Could not find repo for DID: nobody.test']);
    expect(says(await small.call('com.atproto.repo.listRecords', { params: { repo: 'nobody.test', collection: 'com.example.page' } }))).toEqual([400, 'InvalidRequest', 'Could not find repo: nobody.test']);
  });

  test.each<[string, Parameters<SmallPds['call']>[1], unknown[]]>([
    ['com.atproto.repo.createRecord', {}, [400, 'InvalidRequest', 'Incorrect HTTP method (GET) expected POST']],
    ['com.atproto.repo.getRecord', { method: 'POST' }, [400, 'InvalidRequest', 'Incorrect HTTP method (POST) expected GET']],
    ['com.atproto.repo.getRecord', { params: { collection: 'app.bsky.feed.post', rkey: 'x' } }, [400, 'InvalidRequest', 'Invalid com.atproto.repo.getRecord params: Missing required key "repo"']],
    ['com.atproto.server.createSession', { method: 'POST' }, [400, 'InvalidRequest', 'Request encoding (Content-Type) required but not provided']],
    ['com.atproto.server.createSession', { body: '{}', headers: { 'content-type': 'text/plain' } }, [400, 'InvalidRequest', 'Wrong request encoding (Content-Type): text/plain']],
    ['com.atproto.server.createSession', { body: '{x', headers: { 'content-type': 'application/json' } }, [400, 'SyntaxError', "Expected property name or '}' in JSON at position 1 (line 1 column 2)"]],
  ])('%s answers a wrong call in the words of the field', async (nsid, options, expected) => {
    expect(says(await small.call(nsid, options))).toEqual(expected);
  });
});
