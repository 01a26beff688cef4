/**
 * The reference PDS and ours, asked the same things in the same order, must answer alike: status, error name, text, shape and the
 * values that do not depend on the moment. Every difference stands in `differences` with its reason; one that is no longer there
 * fails too. docs/gotchas.md tells the same for people.
 */
import { createHash } from 'node:crypto';
import { readCar } from '@dunlin/protocol/car/read';
import { json } from '../pds/proxy/fake-service.ts';
import type { Answer } from '../pds/small-pds.ts';
import { admin, as, normal, plain, startBoth, x, type Ask, type Side } from './both-servers.ts';

/** What is compared of an answer. */
interface Told {
  status: number;
  body: unknown;
}

type Step = [name: string, ask: Ask];

const untyped = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq';

/** Differences that are meant, by step: ours, and why. */
const differences: Record<string, { ours: unknown; why: string }> = {
  'atproto-did of nobody': { ours: { status: 404, body: 'text/plain ' }, why: 'the address answers in plain text always' },
  'a path that is not there': { ours: { status: 404, body: {} }, why: 'in JSON, as everything that goes wrong here' },
  'did.json': { ours: { status: 200, body: {} }, why: 'this server\'s DID is a did:web, so it has a document' },
  'getBlob, a part of it': { ours: { status: 206, body: 'image/png 0f4636c7' }, why: 'players of videos ask for parts' },
  'createAppPassword with a taken name': { ours: refused('an app password of this name exists: app'), why: 'a caller\'s fault is no fault of the server' },
  'createRecord with a $type inside that names no type': { ours: refused('Invalid app.bsky.feed.post record: Record has a $type that names no type at $.record'), why: 'nothing could ever be made of it' },
  'createRecord where the key goes without saying': { ours: { status: 200, body: { cid: 'CID', commit: { cid: 'CID', rev: 'TID' }, uri: 'at://DID/chat.bsky.actor.declaration/self', validationStatus: 'valid' } }, why: 'there is but one' },
  'deleteRecord of it': { ours: { status: 200, body: { commit: { cid: 'CID', rev: 'TID' } } }, why: 'it is there' },
  'putRecord of the same upon another commit': { ours: refused('Commit was at CID', 'InvalidSwap'), why: 'whoever was overtaken hears of it' },
  'deleteRecord of nothing upon another commit': { ours: refused('Commit was at CID', 'InvalidSwap'), why: 'whoever was overtaken hears of it' },
  'createRecord in a taken place': { ours: refused('Record already exists in DID: record exists: path=app.bsky.feed.post/TID', 'RecordAlreadyExists'), why: 'a caller\'s fault is no fault of the server' },
  'applyWrites of nothing': { ours: { status: 200, body: { results: [] } }, why: 'a commit that changes nothing costs every consumer something' },
  'listBlobs from nowhere': { ours: refused('Malformed cursor'), why: 'as listRepos says it: whoever made the place up has a fault to mend' },
  'listMissingBlobs from nowhere': { ours: refused('Malformed cursor'), why: 'as listRepos says it: whoever made the place up has a fault to mend' },
  'applyWrites whose second record does not fit': { ours: refused('Invalid app.bsky.feed.post record: Expected string value type (got 5) at $.writes[1].value.text'), why: 'where the record stands in the call' },
  'applyWrites twice to one record': { ours: refused('path is written twice: path=com.example.twice/a'), why: 'a commit says of a path what became of it, once' },
  'applyWrites of a missing record': { ours: refused('Could not locate record in DID: record not found: path=com.example.thing/none', 'RecordNotFound'), why: 'a caller\'s fault is no fault of the server' },
  'uploadBlob without a type': { ours: { status: 200, body: { blob: { $type: 'blob', mimeType: 'application/octet-stream', ref: { $link: untyped }, size: 5 } } }, why: '*/* is no media type: no answer could carry it' },
  'putRecord that names a blob of another type': { ours: refused('Referenced Mimetype does not match stored blob. Expected: image/png, Got: image/jpeg', 'InvalidMimeType'), why: 'the reference looks at the first record that names a blob only' },
  'putRecord that names no blob': { ours: refused('Referenced Mimetype does not match stored blob. Expected: application/octet-stream, Got: text/plain', 'InvalidMimeType'), why: 'follows from uploadBlob without a type' },
  'getBlocks of nothing': { ours: refused('Could not find cids: CID', 'BlockNotFound'), why: 'the lexicon names this error' },
  'checkAccountStatus': { ours: { status: 200, body: { activated: true, expectedBlobs: 1, importedBlobs: 1, indexedRecords: 6, privateStateValues: 0, repoBlocks: 'BLOCKS', repoCommit: 'CID', repoRev: 'TID', validDid: true } }, why: 'only blobs that records name count, so that a migration is complete when both numbers are equal' },
  'putPreferences without $type': { ours: refused('Input/preferences/0 must be an object which includes the "$type" property at $.preferences[0]'), why: 'words of another validator' },
  'a protected method under another name': { ours: refused('Bad token method', 'InvalidToken'), why: 'names of methods are told apart by case; another name is another method, and a protected one is not passed on' },
  'too large JSON': { ours: { status: 413, body: { error: 'PayloadTooLarge', message: 'request entity too large: at most 153600 bytes' } }, why: 'one name for it in all of our servers, and the bound beside it' },
  'taken down: getSession': { ours: { status: 200, body: { active: false, did: 'DID', email: 'new@example.com', emailConfirmed: false, handle: 'alice.test', status: 'takendown' } }, why: 'the client can say why nothing works, as it can after signing in' },
  'deactivated: resolveHandle': { ours: { status: 200, body: { did: 'DID' } }, why: 'a pause is no reason for the network to find the handle invalid' },
  'importRepo of nonsense': { ours: refused('CAR is not valid: car is cut short in a section'), why: 'a caller\'s fault is no fault of the server' },
  'deleted: getSession': { ours: { status: 403, body: { error: 'AccountNotFound', message: 'Account not found' } }, why: 'the same answer as of every other method for an account that is gone' },
};

function refused(message: string, error = 'InvalidRequest'): Told {
  return { status: 400, body: { error, message } };
}

let both: Awaited<ReturnType<typeof startBoth>>;
beforeAll(async () => {
  both = await startBoth();
});
afterAll(() => both?.close());

const post = { $type: 'app.bsky.feed.post', text: 'x', createdAt: '2026-01-01T00:00:00.000Z' };
const server = 'com.atproto.server.';
const repo = 'com.atproto.repo.';
const sync = 'com.atproto.sync.';
const identity = 'com.atproto.identity.';
const nobody = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
const create = (record: object, more: object = {}) => as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'app.bsky.feed.post', record, ...more } }));
const twice = { collection: 'com.example.twice', rkey: 'a' };
const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const subject = ({ kept }: Side): object => ({ $type: 'com.atproto.admin.defs#repoRef', did: kept['did'] });
const elsewhere = 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y';
const car = { 'content-type': 'application/vnd.ipld.car' };

/** A CAR's blocks depend on keys that have the time in them; that it is one is looked at, and its records are by the other steps. */
const carAlone = (answer: Answer): Answer => ({ ...answer, bytes: Buffer.from(`${readCar(answer.bytes).roots.length} root`) });
async function asked(url: string): Promise<Answer> {
  const response = await fetch(url);
  return { status: response.status, headers: response.headers, json: (await response.json()) as Answer['json'], bytes: Buffer.alloc(0) };
}
const firstOf = (answer: Answer): Answer => ({ ...answer, json: (answer.json as unknown as Answer['json'][])[0]! });

const steps: Step[] = [
  ['health', async (side) => ({ ...(await plain('/xrpc/_health')(side)), json: {} })],
  ['robots', async (side) => ({ ...(await plain('/robots.txt')(side)), json: {} })],
  ['atproto-did of nobody', plain('/.well-known/atproto-did')],
  ['the page at /', async (side) => ({ ...(await plain('/')(side)), bytes: Buffer.alloc(0) })],
  ['a path that is not there', async (side) => ({ ...(await plain('/nothing')(side)), json: {}, bytes: Buffer.alloc(0) })],
  ['did.json', async (side) => ({ ...(await plain('/.well-known/did.json')(side)), json: {}, bytes: Buffer.alloc(0) })],
  ['oauth-protected-resource', plain('/.well-known/oauth-protected-resource')],
  ['oauth-authorization-server', plain('/.well-known/oauth-authorization-server')],
  ['a pushed request of nobody', plain('/oauth/par', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })],
  ['a token for nobody', plain('/oauth/token', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })],
  ['a name that is no NSID', x('nonsense')],
  ['a path of XRPC with a slash at its end', x(`${server}describeServer/`)],
  ['a path of XRPC with two names', x(`/${server}describeServer`)],
  ['a path of XRPC without a name', x('')],
  ['OPTIONS', plain('/xrpc/com.atproto.server.getSession', { method: 'OPTIONS', headers: { origin: 'https://app.example.org', 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization,atproto-proxy,dpop' } })],
  ['describeServer', x(`${server}describeServer`)],
  ['createAccount', x(`${server}createAccount`, { body: { handle: 'Alice.test', email: 'Alice@example.com', password: 'pw' } }, ({ kept }, { json: made }) => {
    kept['did'] = String(made['did']);
    kept['alice'] = String(made['accessJwt']);
    kept['refresh'] = String(made['refreshJwt']);
  })],
  ['createAccount of bob', x(`${server}createAccount`, { body: { handle: 'bob.test', email: 'bob@example.com', password: 'pw' } }, ({ kept }, { json: made }) => {
    kept['bobDid'] = String(made['did']);
    kept['bob'] = String(made['accessJwt']);
  })],
  ['createAccount with a taken handle', x(`${server}createAccount`, { body: { handle: 'alice.test', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a taken address', x(`${server}createAccount`, { body: { handle: 'carol.test', email: 'alice@example.com', password: 'pw' } })],
  ['createAccount with a short handle', x(`${server}createAccount`, { body: { handle: 'ab.test', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a long handle', x(`${server}createAccount`, { body: { handle: `${'a'.repeat(19)}.test`, email: 'c@example.com', password: 'pw' } })],
  ['createAccount with dots', x(`${server}createAccount`, { body: { handle: 'a.b.test', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a reserved handle', x(`${server}createAccount`, { body: { handle: 'admin.test', email: 'c@example.com', password: 'pw' } })],
  ['createAccount under another domain', x(`${server}createAccount`, { body: { handle: 'carol.org', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a closed top level', x(`${server}createAccount`, { body: { handle: 'carol.invalid', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a bad handle', x(`${server}createAccount`, { body: { handle: 'nothing', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a bad address', x(`${server}createAccount`, { body: { handle: 'carol.test', email: 'nothing', password: 'pw' } })],
  ['createAccount for a DID without its word', x(`${server}createAccount`, { body: { did: nobody, handle: 'carol.test', email: 'c@example.com', password: 'pw' } })],
  ['createAccount with a plcOp', x(`${server}createAccount`, { body: { handle: 'carol.test', email: 'c@example.com', password: 'pw', plcOp: {} } })],
  ['createAccount without a body', x(`${server}createAccount`, { method: 'POST' })],
  ['createSession', x(`${server}createSession`, { body: { identifier: 'ALICE@example.com', password: 'pw' } })],
  ['createSession with a wrong password', x(`${server}createSession`, { body: { identifier: 'alice.test', password: 'wrong' } })],
  ['createSession of nobody', x(`${server}createSession`, { body: { identifier: 'nobody.test', password: 'wrong' } })],
  ['createSession without a password', x(`${server}createSession`, { body: { identifier: 'nobody.test' } })],
  ['getSession', x(`${server}getSession`, as('alice'))],
  ['getSession without a token', x(`${server}getSession`)],
  ['getSession with a bad token', x(`${server}getSession`, { token: 'x.y.z' })],
  ['getSession with another scheme', x(`${server}getSession`, { headers: { authorization: 'Foo bar' } })],
  ['getSession with DPoP and no proof', x(`${server}getSession`, { headers: { authorization: 'DPoP x' } })],
  ['getSession with a refresh token', x(`${server}getSession`, ({ kept }) => ({ token: kept['refresh']! }))],
  ['getSession with no token after its scheme', x(`${server}getSession`, { headers: { authorization: 'Bearer' } })],
  ['getSession with two tokens', x(`${server}getSession`, { headers: { authorization: 'Bearer a b' } })],
  ['getSession with the operator\'s password', x(`${server}getSession`, { headers: admin })],
  ['getSession with its scheme in lower case', x(`${server}getSession`, ({ kept }) => ({ headers: { authorization: `bearer ${kept['alice']}` } }))],
  ['refreshSession', x(`${server}refreshSession`, ({ kept }) => ({ method: 'POST', token: kept['refresh']! }))],
  ['refreshSession again', x(`${server}refreshSession`, ({ kept }) => ({ method: 'POST', token: kept['refresh']! }))],
  ['refreshSession with an access token', x(`${server}refreshSession`, ({ kept }) => ({ method: 'POST', token: kept['alice']! }))],
  ['refreshSession with DPoP', x(`${server}refreshSession`, { method: 'POST', headers: { authorization: 'DPoP x' } })],
  ['deleteSession with DPoP and two tokens', x(`${server}deleteSession`, { method: 'POST', headers: { authorization: 'DPoP x y' } })],
  ['deleteSession with the operator\'s password', x(`${server}deleteSession`, { method: 'POST', headers: admin })],
  ['createReport where nobody takes reports', x('com.atproto.moderation.createReport', as('alice', ({ kept }) => ({ body: { reasonType: 'com.atproto.moderation.defs#reasonSpam', subject: { $type: 'com.atproto.admin.defs#repoRef', did: kept['did'] } } })))],
  ['createAppPassword', x(`${server}createAppPassword`, as('alice', { body: { name: 'app' } }), ({ kept }, { json: made }) => (kept['appSecret'] = String(made['password'])))],
  ['createAppPassword, privileged', x(`${server}createAppPassword`, as('alice', { body: { name: 'trusted', privileged: true } }), ({ kept }, { json: made }) => (kept['privilegedSecret'] = String(made['password'])))],
  ['createAppPassword with a taken name', x(`${server}createAppPassword`, as('alice', { body: { name: 'app' } }))],
  ['listAppPasswords', x(`${server}listAppPasswords`, as('alice'))],
  ['createSession with an app password', x(`${server}createSession`, ({ kept }) => ({ body: { identifier: 'alice.test', password: kept['appSecret'] } }), ({ kept }, { json: made }) => (kept['app'] = String(made['accessJwt'])))],
  ['createSession with a privileged one', x(`${server}createSession`, ({ kept }) => ({ body: { identifier: 'alice.test', password: kept['privilegedSecret'] } }), ({ kept }, { json: made }) => (kept['privileged'] = String(made['accessJwt'])))],
  ['app password: createAppPassword', x(`${server}createAppPassword`, as('app', { body: { name: 'more' } }))],
  ['app password: activateAccount', x(`${server}activateAccount`, as('app', { method: 'POST' }))],
  ['app password: getServiceAuth to chat', x(`${server}getServiceAuth`, as('app', { params: { aud: 'did:web:c.org', lxm: 'chat.bsky.convo.listConvos' } }))],
  ['privileged: getServiceAuth to chat', x(`${server}getServiceAuth`, as('privileged', { params: { aud: 'did:web:c.org', lxm: 'chat.bsky.convo.listConvos' } }))],
  ['privileged: requestAccountDelete', x(`${server}requestAccountDelete`, as('privileged', { method: 'POST' }))],
  ['getServiceAuth', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:web:c.org#service', lxm: 'app.bsky.feed.getTimeline' } }))],
  ['getServiceAuth for nobody', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'c.org' } }))],
  ['getServiceAuth for a DID that is none', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:plc:x' } }))],
  ['getServiceAuth for a DID without a place', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:key:zQ3shU4ZsokxRoBdQC7HetZtbyHqxnaQHHnwaGy8XM7g1VaoP' } }))],
  ['getServiceAuth as clients in Go ask for it', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:web:c.org', exp: 0, lxm: '' } }))],
  ['getServiceAuth in the past', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:web:c.org', exp: 1 } }))],
  ['getServiceAuth too far ahead', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:web:c.org', lxm: 'a.b.c', exp: Math.floor(Date.now() / 1000) + 4_000 } }))],
  ['getServiceAuth for anything, long', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:web:c.org', exp: Math.floor(Date.now() / 1000) + 120 } }))],
  ['getServiceAuth for a protected method', x(`${server}getServiceAuth`, as('alice', { params: { aud: 'did:web:c.org', lxm: 'com.atproto.server.updateEmail' } }))],
  ['revokeAppPassword', x(`${server}revokeAppPassword`, as('alice', { body: { name: 'app' } }))],
  ['createRecord', x(`${repo}createRecord`, create(post, { rkey: '3kabcdefgh222' }))],
  ['createRecord of an unknown type', x(`${repo}createRecord`, create({ a: 1 }, { collection: 'com.example.thing' }))],
  ['createRecord of an unknown type, validated', x(`${repo}createRecord`, create({ a: 1 }, { collection: 'com.example.thing', validate: true }))],
  ['createRecord without validation', x(`${repo}createRecord`, create({ a: 1 }, { collection: 'com.example.thing', validate: false }))],
  ['createRecord that does not fit', x(`${repo}createRecord`, create({ ...post, text: 5 }))],
  ['createRecord without a required field', x(`${repo}createRecord`, create({ $type: post.$type, text: 'x' }))],
  ['createRecord with a time without its zone', x(`${repo}createRecord`, create({ ...post, createdAt: '2026-01-01T00:00:00' }))],
  ['createRecord with a language in the wrong case', x(`${repo}createRecord`, create({ ...post, langs: ['EN'] }))],
  ['createRecord with a $type inside that names no type', x(`${repo}createRecord`, create({ ...post, embed: { $type: '#images' } }))],
  ['createRecord with JSON of nothing', x(`${repo}createRecord`, as('alice', { body: '', headers: { 'content-type': 'application/json' } }))],
  ['createRecord with a float', x(`${repo}createRecord`, create({ a: 1.5 }, { collection: 'com.example.thing' }))],
  ['createRecord with another $type', x(`${repo}createRecord`, create({ $type: 'a.b.c' }))],
  ['createRecord with a bad key', x(`${repo}createRecord`, create(post, { rkey: 'not/a key' }))],
  ['createRecord with a key of the wrong kind', x(`${repo}createRecord`, create(post, { rkey: 'not-a-tid' }))],
  ['createRecord with another key than the one there is', x(`${repo}createRecord`, create({ $type: 'app.bsky.actor.profile' }, { collection: 'app.bsky.actor.profile', rkey: 'me' }))],
  ['createRecord with a key that is no NSID', x(`${repo}createRecord`, create({ $type: 'com.atproto.lexicon.schema', lexicon: 1 }, { collection: 'com.atproto.lexicon.schema', rkey: 'me' }))],
  ['createRecord that is no object', x(`${repo}createRecord`, create('text' as never))],
  ['createRecord in a taken place', x(`${repo}createRecord`, create(post, { rkey: '3kabcdefgh222' }))],
  ['createRecord in another\'s repository', x(`${repo}createRecord`, as('bob', ({ kept }) => ({ body: { repo: kept['did'], collection: 'app.bsky.feed.post', record: post } })))],
  ['createRecord in nobody\'s repository', x(`${repo}createRecord`, as('alice', { body: { repo: nobody, collection: 'app.bsky.feed.post', record: post } }))],
  ['createRecord upon another commit', x(`${repo}createRecord`, create(post, { swapCommit: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' }))],
  ['putRecord', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'self', record: { a: 1 } } })))],
  ['putRecord of the same', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'self', record: { a: 1 } } })))],
  ['putRecord of the same upon another commit', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'self', record: { a: 1 }, swapCommit: elsewhere } })))],
  ['deleteRecord of nothing upon another commit', x(`${repo}deleteRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'none', swapCommit: elsewhere } })))],
  ['createRecord where the key goes without saying', x(`${repo}createRecord`, create({ allowIncoming: 'all' }, { collection: 'chat.bsky.actor.declaration' }))],
  ['deleteRecord of it', x(`${repo}deleteRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'chat.bsky.actor.declaration', rkey: 'self' } })))],
  ['putRecord where nothing may be', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'self', record: { a: 2 }, swapRecord: null } })))],
  ['deleteRecord', x(`${repo}deleteRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'self' } })))],
  ['deleteRecord of nothing', x(`${repo}deleteRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.thing', rkey: 'self' } })))],
  ['applyWrites', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: [
    { $type: 'com.atproto.repo.applyWrites#create', collection: 'com.example.thing', rkey: 'a', value: { a: 1 } },
    { $type: 'com.atproto.repo.applyWrites#update', collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222', value: { ...post, text: 'new' } },
    { $type: 'com.atproto.repo.applyWrites#create', collection: 'com.example.thing', rkey: 'b', value: { a: 2 } },
  ] } })))],
  ['applyWrites whose second record holds a float', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: [{ a: 1 }, { a: 1.5 }].map((value) => ({ $type: 'com.atproto.repo.applyWrites#create', collection: 'com.example.thing', value })) } })))],
  ['applyWrites whose second record does not fit', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: [post, { ...post, text: 5 }].map((value) => ({ $type: 'com.atproto.repo.applyWrites#create', collection: 'app.bsky.feed.post', value })) } })))],
  ['applyWrites of nothing', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: [] } })))],
  ['applyWrites of a missing record', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: [{ $type: 'com.atproto.repo.applyWrites#update', collection: 'com.example.thing', rkey: 'none', value: {} }] } })))],
  ['applyWrites of 201', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: Array.from({ length: 201 }, (_, index) => ({ $type: 'com.atproto.repo.applyWrites#create', collection: 'com.example.thing', rkey: `n${index}`, value: {} })) } })))],
  ['getRecord', x(`${repo}getRecord`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222' } }))],
  ['getRecord by handle', x(`${repo}getRecord`, { params: { repo: 'alice.test', collection: 'com.example.thing', rkey: 'a' } })],
  ['getRecord of nothing', x(`${repo}getRecord`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', rkey: 'zzz' } }))],
  ['getRecord without a repo', x(`${repo}getRecord`, { params: { collection: 'a.b.c', rkey: 'a' } })],
  ['listRecords', x(`${repo}listRecords`, { params: { repo: 'alice.test', collection: 'com.example.thing', limit: 2 } })],
  ['listRecords, reversed', x(`${repo}listRecords`, { params: { repo: 'alice.test', collection: 'com.example.thing', reverse: 'true' } })],
  ['listRecords of nothing', x(`${repo}listRecords`, { params: { repo: 'alice.test', collection: 'com.example.none' } })],
  ['listRecords of too many', x(`${repo}listRecords`, { params: { repo: 'alice.test', collection: 'a.b.c', limit: 101 } })],
  ['listRecords, none', x(`${repo}listRecords`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', limit: 0 } }))],
  ['listRecords, one and a half', x(`${repo}listRecords`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', limit: '1.5' } }))],
  ['listRecords, 0x5', x(`${repo}listRecords`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', limit: '0x5' } }))],
  ['listRecords, reversed perhaps', x(`${repo}listRecords`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', reverse: 'yes' } }))],
  ['listRecords with a parameter nobody knows', x(`${repo}listRecords`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'com.example.none', foo: 'bar' } }))],
  ['listRepos from nowhere', x(`${sync}listRepos`, { params: { cursor: 'nonsense' } })],
  ['listRepos of too many', x(`${sync}listRepos`, { params: { limit: 1_001 } })],
  ['listBlobs from nowhere', x(`${sync}listBlobs`, ({ kept }) => ({ params: { did: kept['did']!, cursor: 'nonsense' } }))],
  ['listMissingBlobs from nowhere', x(`${repo}listMissingBlobs`, as('alice', { params: { cursor: 'nonsense' } }))],
  ['applyWrites twice to one record', x(`${repo}applyWrites`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], writes: [{ $type: 'com.atproto.repo.applyWrites#create', ...twice, value: { $type: 'com.example.twice' } }, { $type: 'com.atproto.repo.applyWrites#delete', ...twice }] } })))],
  ['listRecords of nobody', x(`${repo}listRecords`, { params: { repo: nobody, collection: 'a.b.c' } })],
  ['describeRepo', x(`${repo}describeRepo`, { params: { repo: 'alice.test' } })],
  ['describeRepo of nobody', x(`${repo}describeRepo`, { params: { repo: 'nobody.test' } })],
  ['uploadBlob', x(`${repo}uploadBlob`, as('alice', { body: png, headers: { 'content-type': 'image/png' } }), ({ kept }, { json: made }) => (kept['blob'] = JSON.stringify(made['blob'])))],
  ['uploadBlob without a type', x(`${repo}uploadBlob`, as('alice', { body: Buffer.from('hello'), headers: { 'content-type': '*/*' } }))],
  ['uploadBlob of nothing', x(`${repo}uploadBlob`, as('alice', { body: Buffer.alloc(0), headers: { 'content-type': 'text/plain' } }))],
  ['getBlob that nobody names', x(`${sync}getBlob`, ({ kept }) => ({ params: { did: kept['did']!, cid: (JSON.parse(kept['blob']!) as { ref: { $link: string } }).ref.$link } }))],
  ['putRecord that names a blob', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'app.bsky.actor.profile', rkey: 'self', record: { avatar: JSON.parse(kept['blob']!) as object } } })))],
  ['putRecord that names a blob of another type', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'app.bsky.actor.profile', rkey: 'self', record: { avatar: { ...(JSON.parse(kept['blob']!) as object), mimeType: 'image/jpeg' } } } })))],
  ['putRecord that names no blob', x(`${repo}putRecord`, as('alice', ({ kept }) => ({ body: { repo: kept['did'], collection: 'com.example.blob', rkey: 'self', record: { b: { $type: 'blob', ref: { $link: 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq' }, mimeType: 'text/plain', size: 7 } } } })))],
  ['getBlob', x(`${sync}getBlob`, ({ kept }) => ({ params: { did: kept['did']!, cid: (JSON.parse(kept['blob']!) as { ref: { $link: string } }).ref.$link } }))],
  ['getBlob, a part of it', async (side) => x(`${sync}getBlob`, ({ kept }) => ({ params: { did: kept['did']!, cid: (JSON.parse(kept['blob']!) as { ref: { $link: string } }).ref.$link }, headers: { range: 'bytes=0-3' } }))(side)],
  ['getBlob, its head', x(`${sync}getBlob`, ({ kept }) => ({ method: 'HEAD', params: { did: kept['did']!, cid: (JSON.parse(kept['blob']!) as { ref: { $link: string } }).ref.$link } }))],
  ['getBlob of nothing', x(`${sync}getBlob`, ({ kept }) => ({ params: { did: kept['did']!, cid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' } }))],
  ['listBlobs', x(`${sync}listBlobs`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['listMissingBlobs', x(`${repo}listMissingBlobs`, as('alice'))],
  ['getRepo', async (side) => carAlone(await x(`${sync}getRepo`, ({ kept }) => ({ params: { did: kept['did']! } }))(side))],
  ['sync.getRecord', async (side) => carAlone(await x(`${sync}getRecord`, ({ kept }) => ({ params: { did: kept['did']!, collection: 'com.example.thing', rkey: 'a' } }))(side))],
  ['the DID document at the directory', async ({ kept }) => asked(`${both.plcUrl}/${kept['did']}`)],
  ['the first operation at the directory', async ({ kept }) => firstOf(await asked(`${both.plcUrl}/${kept['did']}/log`))],
  ['getRepo of nobody', x(`${sync}getRepo`, { params: { did: nobody } })],
  ['getRepo of no DID', x(`${sync}getRepo`, { params: { did: 'xx' } })],
  ['getLatestCommit', x(`${sync}getLatestCommit`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['getHead', x(`${sync}getHead`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['getRepoStatus', x(`${sync}getRepoStatus`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['getRepoStatus of nobody', x(`${sync}getRepoStatus`, { params: { did: nobody } })],
  ['listRepos', x(`${sync}listRepos`)],
  ['getBlocks of nothing', x(`${sync}getBlocks`, ({ kept }) => ({ params: { did: kept['did']!, cids: ['bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y'] } }))],
  ['checkAccountStatus', x(`${server}checkAccountStatus`, as('alice'))],
  ['resolveHandle', x(`${identity}resolveHandle`, { params: { handle: 'alice.test' } })],
  ['resolveHandle of nobody', x(`${identity}resolveHandle`, { params: { handle: 'nobody.test' } })],
  ['getRecommendedDidCredentials', x(`${identity}getRecommendedDidCredentials`, as('alice'))],
  ['updateHandle', x(`${identity}updateHandle`, as('alice', { body: { handle: 'alice2.test' } }))],
  ['updateHandle to a taken one', x(`${identity}updateHandle`, as('alice', { body: { handle: 'bob.test' } }))],
  ['updateHandle to a reserved one', x(`${identity}updateHandle`, as('alice', { body: { handle: 'admin.test' } }))],
  ['updateHandle back', x(`${identity}updateHandle`, as('alice', { body: { handle: 'alice.test' } }))],
  ['signPlcOperation without a code', x(`${identity}signPlcOperation`, as('alice', { body: {} }))],
  ['signPlcOperation with a wrong code', x(`${identity}signPlcOperation`, as('alice', { body: { token: 'AAAAA-AAAAA' } }))],
  ['requestPlcOperationSignature', x(`${identity}requestPlcOperationSignature`, as('alice', { method: 'POST' }))],
  ['signPlcOperation', x(`${identity}signPlcOperation`, as('alice', ({ mail }) => ({ body: { token: mail.codeFor('alice@example.com') } })), ({ kept }, { json: made }) => (kept['operation'] = JSON.stringify(made['operation'])))],
  ['submitPlcOperation elsewhere', x(`${identity}submitPlcOperation`, as('alice', ({ kept }) => ({ body: { operation: { ...(JSON.parse(kept['operation']!) as object), services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://x.org' } } } } })))],
  ['submitPlcOperation with another key', x(`${identity}submitPlcOperation`, as('alice', ({ kept }) => ({ body: { operation: { ...(JSON.parse(kept['operation']!) as object), verificationMethods: { atproto: 'did:key:zQ3shU4ZsokxRoBdQC7HetZtbyHqxnaQHHnwaGy8XM7g1VaoP' } } } })))],
  ['submitPlcOperation', x(`${identity}submitPlcOperation`, as('alice', ({ kept }) => ({ body: { operation: JSON.parse(kept['operation']!) as object } })))],
  ['reserveSigningKey', async (side) => {
    const answer = await x(`${server}reserveSigningKey`, { body: { did: nobody } })(side);
    return { ...answer, json: { isKey: String(answer.json['signingKey']).startsWith('did:key:zQ3sh') } };
  }],
  ['requestEmailConfirmation', x(`${server}requestEmailConfirmation`, as('alice', { method: 'POST' }))],
  ['confirmEmail with a wrong code', x(`${server}confirmEmail`, as('alice', { body: { email: 'alice@example.com', token: 'AAAAA-AAAAA' } }))],
  ['confirmEmail of another address', x(`${server}confirmEmail`, as('alice', ({ mail }) => ({ body: { email: 'x@example.com', token: mail.codeFor('alice@example.com') } })))],
  ['confirmEmail', x(`${server}confirmEmail`, as('alice', ({ mail }) => ({ body: { email: 'alice@example.com', token: mail.codeFor('alice@example.com').toLowerCase() } })))],
  ['requestEmailUpdate', x(`${server}requestEmailUpdate`, as('alice', { method: 'POST' }))],
  ['updateEmail without a code', x(`${server}updateEmail`, as('alice', { body: { email: 'new@example.com' } }))],
  ['updateEmail with a wrong code', x(`${server}updateEmail`, as('alice', { body: { email: 'new@example.com', token: 'AAAAA-AAAAA' } }))],
  ['updateEmail to a taken one', x(`${server}updateEmail`, as('alice', ({ mail }) => ({ body: { email: 'bob@example.com', token: mail.codeFor('alice@example.com') } })))],
  ['updateEmail', x(`${server}updateEmail`, as('alice', ({ mail }) => ({ body: { email: 'new@example.com', token: mail.codeFor('alice@example.com') } })))],
  ['getSession after it', x(`${server}getSession`, as('alice'))],
  ['requestPasswordReset of nobody', x(`${server}requestPasswordReset`, { body: { email: 'nobody@example.com' } })],
  ['requestPasswordReset', x(`${server}requestPasswordReset`, { body: { email: 'bob@example.com' } })],
  ['resetPassword with a wrong code', x(`${server}resetPassword`, { body: { token: 'AAAAA-AAAAA', password: 'pw2' } })],
  ['resetPassword', x(`${server}resetPassword`, ({ mail }) => ({ body: { token: mail.codeFor('bob@example.com'), password: 'pw2' } }))],
  ['createSession with the old password', x(`${server}createSession`, { body: { identifier: 'bob.test', password: 'pw' } })],
  ['getPreferences', x('app.bsky.actor.getPreferences', as('alice'))],
  ['putPreferences', x('app.bsky.actor.putPreferences', as('alice', { body: { preferences: [{ $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '1990-01-01T00:00:00.000Z' }, { $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }] } }))],
  ['getPreferences after it', x('app.bsky.actor.getPreferences', as('alice'))],
  ['getPreferences with an app password', x('app.bsky.actor.getPreferences', as('privileged'))],
  ['putPreferences with an app password', x('app.bsky.actor.putPreferences', as('privileged', { body: { preferences: [{ $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '1990-01-01T00:00:00.000Z' }] } }))],
  ['getPreferences of another app view', x('app.bsky.actor.getPreferences', as('alice', { headers: { 'atproto-proxy': 'did:web:x.org' } }))],
  ['putPreferences of another namespace', x('app.bsky.actor.putPreferences', as('alice', { body: { preferences: [{ $type: 'com.example.pref' }] } }))],
  ['putPreferences without $type', x('app.bsky.actor.putPreferences', as('alice', { body: { preferences: [{}] } }))],
  ['checkSignupQueue', x('com.atproto.temp.checkSignupQueue', as('alice'))],
  ['a method of the app view', x('app.bsky.feed.getSomething', as('alice', { params: { a: '1' } }))],
  ['a method of the app view without a token', x('app.bsky.feed.getSomething')],
  ['a protected method under another name', x('com.atproto.server.CONFIRMEMAIL', as('alice', { body: {} }))],
  ['a proxy header without a service', x('com.example.thing', as('alice', { headers: { 'atproto-proxy': 'did:web:x.org' } }))],
  ['a proxy header without a DID', x('com.example.thing', as('alice', { headers: { 'atproto-proxy': '#x' } }))],
  ['an app view that is in trouble', async (side) => {
    side.appView.answer = (_asked, response) => json(response, { error: 'Oh', message: 'no' }, {}, 500);
    return x('app.bsky.feed.getSomething', as('alice'))(side);
  }],
  ['an app view that refuses', async (side) => {
    side.appView.answer = (_asked, response) => json(response, { error: 'NotFound', message: 'gone' }, {}, 400);
    return x('app.bsky.feed.getSomething', as('alice'))(side);
  }],
  ['an app view that is gone', async (side) => {
    side.appView.answer = (_asked, response) => void response.destroy();
    return x('app.bsky.feed.getSomething', as('alice'))(side);
  }],
  ['GET on a procedure', x(`${server}createSession`)],
  ['POST on a query', x(`${server}getSession`, as('alice', { body: {} }))],
  ['no body', x(`${repo}createRecord`, as('alice', { method: 'POST' }))],
  ['bad JSON', x(`${repo}createRecord`, as('alice', { body: '{', headers: { 'content-type': 'application/json' } }))],
  ['wrong content type', x(`${repo}createRecord`, as('alice', { body: '{}', headers: { 'content-type': 'text/plain' } }))],
  ['too large JSON', x(`${server}createSession`, { body: { identifier: 'x', password: 'x'.repeat(160_000) } })],
  ['admin without a password', x('com.atproto.admin.getAccountInfo', { params: { did: nobody } })],
  ['admin with a wrong password', x('com.atproto.admin.getAccountInfo', { params: { did: nobody }, headers: { authorization: `Basic ${Buffer.from('admin:x').toString('base64')}` } })],
  ['admin with a session', x('com.atproto.admin.getAccountInfo', as('alice', { params: { did: nobody } }))],
  ['getAccountInfo', x('com.atproto.admin.getAccountInfo', ({ kept }) => ({ params: { did: kept['did']! }, headers: admin }))],
  ['getAccountInfo of nobody', x('com.atproto.admin.getAccountInfo', { params: { did: nobody }, headers: admin })],
  ['getAccountInfos', x('com.atproto.admin.getAccountInfos', ({ kept }) => ({ params: { dids: [kept['did']!, nobody] }, headers: admin }))],
  ['createInviteCode', x(`${server}createInviteCode`, { body: { useCount: 1 }, headers: admin })],
  ['createInviteCodes', x(`${server}createInviteCodes`, ({ kept }) => ({ body: { codeCount: 2, useCount: 1, forAccounts: [kept['did']] }, headers: admin }))],
  ['getAccountInviteCodes', x(`${server}getAccountInviteCodes`, as('alice'))],
  ['getInviteCodes by beauty', x('com.atproto.admin.getInviteCodes', { params: { sort: 'beauty' }, headers: admin })],
  ['disableInviteCodes of the operator', x('com.atproto.admin.disableInviteCodes', { body: { accounts: ['admin'] }, headers: admin })],
  ['disableAccountInvites', x('com.atproto.admin.disableAccountInvites', ({ kept }) => ({ body: { account: kept['did'] }, headers: admin }))],
  ['sendEmail', x('com.atproto.admin.sendEmail', ({ kept }) => ({ body: { recipientDid: kept['did'], content: 'hello', senderDid: nobody }, headers: admin }))],
  ['sendEmail to nobody', x('com.atproto.admin.sendEmail', { body: { recipientDid: nobody, content: 'hello', senderDid: nobody }, headers: admin })],
  ['updateAccountEmail', x('com.atproto.admin.updateAccountEmail', { body: { account: 'bob.test', email: 'bob2@example.com' }, headers: admin })],
  ['updateAccountPassword', x('com.atproto.admin.updateAccountPassword', ({ kept }) => ({ body: { did: kept['bobDid'], password: 'pw3' }, headers: admin }))],
  ['updateAccountPassword, too long', x('com.atproto.admin.updateAccountPassword', ({ kept }) => ({ body: { did: kept['bobDid'], password: 'x'.repeat(257) }, headers: admin }))],
  ['updateAccountHandle', x('com.atproto.admin.updateAccountHandle', ({ kept }) => ({ body: { did: kept['bobDid'], handle: 'root.test' }, headers: admin }))],
  ['updateAccountHandle to a taken one', x('com.atproto.admin.updateAccountHandle', ({ kept }) => ({ body: { did: kept['bobDid'], handle: 'alice.test' }, headers: admin }))],
  ['getSubjectStatus', x('com.atproto.admin.getSubjectStatus', ({ kept }) => ({ params: { did: kept['did']! }, headers: admin }))],
  ['getSubjectStatus of a record', x('com.atproto.admin.getSubjectStatus', ({ kept }) => ({ params: { uri: `at://${kept['did']}/app.bsky.feed.post/3kabcdefgh222` }, headers: admin }))],
  ['getSubjectStatus of nothing', x('com.atproto.admin.getSubjectStatus', { headers: admin })],
  ['updateSubjectStatus of a record', x('com.atproto.admin.updateSubjectStatus', ({ kept }) => ({ body: { subject: { $type: 'com.atproto.repo.strongRef', uri: `at://${kept['did']}/app.bsky.feed.post/3kabcdefgh222`, cid: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' }, takedown: { applied: true, ref: 'r' } }, headers: admin }))],
  ['getRecord that was taken down', x(`${repo}getRecord`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222' } }))],
  ['updateSubjectStatus of a blob', x('com.atproto.admin.updateSubjectStatus', ({ kept }) => ({ body: { subject: { $type: 'com.atproto.admin.defs#repoBlobRef', did: kept['did'], cid: (JSON.parse(kept['blob']!) as { ref: { $link: string } }).ref.$link }, takedown: { applied: true, ref: 'r' } }, headers: admin }))],
  ['getBlob that was taken down', x(`${sync}getBlob`, ({ kept }) => ({ params: { did: kept['did']!, cid: (JSON.parse(kept['blob']!) as { ref: { $link: string } }).ref.$link } }))],
  ['uploadBlob that was taken down', x(`${repo}uploadBlob`, as('alice', { body: png, headers: { 'content-type': 'image/png' } }))],
  ['updateSubjectStatus of something else', x('com.atproto.admin.updateSubjectStatus', ({ kept }) => ({ body: { subject: { $type: 'com.example.thing', did: kept['did'] }, takedown: { applied: true } }, headers: admin }))],
  ['updateSubjectStatus both ways', x('com.atproto.admin.updateSubjectStatus', (side) => ({ body: { subject: subject(side), takedown: { applied: true }, deactivated: { applied: false } }, headers: admin }))],
  ['updateSubjectStatus', x('com.atproto.admin.updateSubjectStatus', (side) => ({ body: { subject: subject(side), takedown: { applied: true, ref: 'case' } }, headers: admin }))],
  ['taken down: getSession', x(`${server}getSession`, as('alice'))],
  ['taken down: createRecord', x(`${repo}createRecord`, create(post))],
  ['taken down: createSession', x(`${server}createSession`, { body: { identifier: 'alice.test', password: 'pw' } })],
  ['taken down: createSession, allowed', x(`${server}createSession`, { body: { identifier: 'alice.test', password: 'pw', allowTakendown: true } })],
  ['taken down: getRepo', x(`${sync}getRepo`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['taken down: getRepoStatus', x(`${sync}getRepoStatus`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['updateSubjectStatus, lifted', x('com.atproto.admin.updateSubjectStatus', (side) => ({ body: { subject: subject(side), takedown: { applied: false } }, headers: admin }))],
  ['deactivateAccount without a body', x(`${server}deactivateAccount`, as('alice', { method: 'POST' }))],
  ['deactivateAccount with JSON of nothing', x(`${server}deactivateAccount`, as('alice', { body: '', headers: { 'content-type': 'application/json' } }))],
  ['deactivateAccount', x(`${server}deactivateAccount`, as('alice', { body: {} }))],
  ['deactivated: getSession', x(`${server}getSession`, as('alice'))],
  ['deactivated: createRecord', x(`${repo}createRecord`, create(post))],
  ['deactivated: getRepo', x(`${sync}getRepo`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['deactivated: getLatestCommit', x(`${sync}getLatestCommit`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['deactivated: getRepoStatus', x(`${sync}getRepoStatus`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['deactivated: getRecord', x(`${repo}getRecord`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'com.example.thing', rkey: 'a' } }))],
  ['deactivated: listRecords', x(`${repo}listRecords`, ({ kept }) => ({ params: { repo: kept['did']!, collection: 'com.example.thing' } }))],
  ['deactivated: describeRepo', x(`${repo}describeRepo`, ({ kept }) => ({ params: { repo: kept['did']! } }))],
  ['deactivated: resolveHandle', x(`${identity}resolveHandle`, { params: { handle: 'alice.test' } })],
  ['importRepo of nonsense', x(`${repo}importRepo`, as('alice', { body: Buffer.from('nonsense'), headers: car }))],
  ['activateAccount', x(`${server}activateAccount`, as('alice', { method: 'POST' }))],
  ['activateAccount again', x(`${server}activateAccount`, as('alice', { method: 'POST' }))],
  ['requestAccountDelete', x(`${server}requestAccountDelete`, as('alice', { method: 'POST' }))],
  ['deleteAccount with a wrong password', x(`${server}deleteAccount`, ({ kept, mail }) => ({ body: { did: kept['did'], password: 'x', token: mail.codeFor('new@example.com') } }))],
  ['deleteAccount with a wrong code', x(`${server}deleteAccount`, ({ kept }) => ({ body: { did: kept['did'], password: 'pw', token: 'AAAAA-AAAAA' } }))],
  ['deleteAccount of nobody', x(`${server}deleteAccount`, { body: { did: nobody, password: 'pw', token: 'AAAAA-AAAAA' } })],
  ['deleteAccount', x(`${server}deleteAccount`, ({ kept, mail }) => ({ body: { did: kept['did'], password: 'pw', token: mail.codeFor('new@example.com') } }))],
  ['deleted: getRepoStatus', x(`${sync}getRepoStatus`, ({ kept }) => ({ params: { did: kept['did']! } }))],
  ['deleted: getSession', x(`${server}getSession`, as('alice'))],
  ['admin.deleteAccount', x('com.atproto.admin.deleteAccount', ({ kept }) => ({ body: { did: kept['bobDid'] }, headers: admin }))],
  ['deleteSession with nothing', x(`${server}deleteSession`, { method: 'POST' })],
];

function told(side: Side, { status, json: body, bytes, headers }: Answer): Told {
  if (Object.keys(body).length > 0 || headers.get('content-type')?.includes('json')) return { status, body: normal(body, side) };
  const type = headers.get('content-type')?.split(';')[0] ?? null;
  return { status, body: bytes.length === 0 ? null : `${type} ${type?.startsWith('text/') ? '' : createHash('sha256').update(bytes).digest('hex').slice(0, 8)}` };
}

/** Headers that clients, caches and browsers act on. */
const telling = ['content-type', 'cache-control', 'content-disposition', 'content-security-policy', 'x-content-type-options', 'access-control-allow-origin', 'access-control-allow-headers', 'www-authenticate', 'content-range', 'accept-ranges'];

/** Headers that are meant to differ: ours, by step, and why. */
const inJson = { 'content-type': 'application/json; charset=utf-8', 'content-security-policy': null, 'x-content-type-options': null };
const inParts = { ours: { 'accept-ranges': 'bytes' }, why: 'players of videos ask for parts' };
const privateToo = { ours: { 'cache-control': 'private' }, why: 'what wants a token is never for shared caches, also when it is refused early' };
const passwordWanted = { ours: { 'www-authenticate': 'Basic realm="admin"' }, why: 'RFC 9110 wants a 401 to say how' };
const noHeadersWanted = { ours: { 'access-control-allow-headers': null }, why: 'an answer to a preflight says it, where it counts' };
const headerDifferences: Record<string, { ours: Record<string, string | null>; why: string }> = {
  'atproto-did of nobody': { ours: { 'content-type': 'text/plain; charset=utf-8' }, why: 'the address answers in plain text always' },
  'a path that is not there': { ours: inJson, why: 'in JSON, as everything that goes wrong here' },
  'did.json': { ours: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache', 'content-security-policy': null, 'x-content-type-options': null }, why: 'this server\'s DID is a did:web, so it has a document' },
  'oauth-protected-resource': noHeadersWanted, 'oauth-authorization-server': noHeadersWanted,
  'getBlob': inParts, 'getBlob, its head': inParts, 'getBlob, a part of it': { ours: { 'content-range': 'bytes 0-3/16', 'accept-ranges': 'bytes' }, why: inParts.why },
  'getSession with another scheme': privateToo, 'getSession with no token after its scheme': privateToo, 'getSession with two tokens': privateToo, 'getRepo of no DID': privateToo, 'a proxy header without a service': privateToo, 'a proxy header without a DID': privateToo, 'POST on a query': privateToo,
  'admin without a password': passwordWanted, 'admin with a wrong password': passwordWanted,
};

function listOf(header: string | null): string[] {
  return (header ?? '').split(',').map((each) => each.trim().toLowerCase()).filter((each) => each !== '');
}

/** Gives what differs; of the headers that pages of other sites may see, ours may only be more. */
function headersThatDiffer([reference, ours]: readonly [Headers, Headers], sides: readonly [Side, Side]): Record<string, unknown> {
  const differing: Record<string, unknown> = {};
  for (const name of telling) {
    const [theirs, own] = [normal(reference.get(name), sides[0]), normal(ours.get(name), sides[1])];
    if (theirs !== own) differing[name] = own;
  }
  const hidden = listOf(reference.get('access-control-expose-headers')).filter((each) => !listOf(ours.get('access-control-expose-headers')).includes(each));
  return { ...differing, ...(hidden.length > 0 && { hidden }) };
}

test('every answer is alike, save those that are meant not to be', async () => {
  const unexpected: unknown[] = [];
  for (const [name, ask] of steps) {
    const [first, second] = await Promise.all(both.sides.map(async (side) => await ask(side)));
    const [reference, ours] = [told(both.sides[0], first!), told(both.sides[1], second!)];
    const meant = differences[name];
    const isAlike = JSON.stringify(reference) === JSON.stringify(ours);
    if (!(meant === undefined ? isAlike : !isAlike && JSON.stringify(meant.ours) === JSON.stringify(ours))) unexpected.push({ name, reference, ours, ...(meant && { meant: meant.ours }) });
    const headers = headersThatDiffer([first!.headers, second!.headers], both.sides);
    if (JSON.stringify(headers) !== JSON.stringify(headerDifferences[name]?.ours ?? {})) unexpected.push({ name, headers });
  }
  expect(unexpected).toEqual([]);
}, 120_000);
