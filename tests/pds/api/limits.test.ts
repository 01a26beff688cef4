/** Rate limits of the methods, over HTTP: what they count, whom they let pass, and that they are off unless asked for. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventually } from '../../harness/wait.ts';
import { post, startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

const key = 'a bypass key of some length';
const clock = new ManualClock();
let small: SmallPds;
let alice: Person;
beforeAll(async () => {
  small = await startSmallPds({ clock, environment: { PDS_RATE_LIMITS_ENABLED: 'true', PDS_RATE_LIMIT_BYPASS_KEY: key } });
  alice = await small.newPerson('alice');
});
afterAll(() => small.close());

const write = (writes: object[], headers: Record<string, string> = {}): Promise<Answer> =>
  small.call('com.atproto.repo.applyWrites', { body: { repo: alice.did, writes }, token: alice.token, headers });
const creates = (count: number): object[] => Array.from({ length: count }, () => ({ $type: 'com.atproto.repo.applyWrites#create', collection: 'app.bsky.feed.post', value: post('x') }));

test('writes cost three points for a new record, two for a change, one for a deletion, of 5,000 an hour', async () => {
  const left = ({ headers }: Answer): number => Number(headers.get('ratelimit-remaining'));
  const first = await write(creates(1));
  expect([first.status, first.headers.get('ratelimit-limit'), first.headers.get('ratelimit-policy')]).toEqual([200, '5000', '5000;w=3600']);
  const { json } = await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222', record: post('x') }, token: alice.token });
  expect(json['uri']).toBeDefined();
  const place = { collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222' };
  const before = left(await write(creates(1)));
  expect(left(await write([{ $type: 'com.atproto.repo.applyWrites#update', ...place, value: post('y') }]))).toBe(before - 2);
  expect(left(await write([{ $type: 'com.atproto.repo.applyWrites#delete', ...place }]))).toBe(before - 3);
});

test('who has written too much waits, unless the operator lets them pass', async () => {
  clock.advance(3_600_000);
  for (let times = 0; times < 8; times++) expect((await write(creates(200))).status).toBe(200);
  const refused = await write(creates(200));
  expect([refused.status, refused.json['error']]).toEqual([429, 'RateLimitExceeded']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await write(creates(1), { 'x-ratelimit-bypass': 'wrong' })).status).toBe(200);
  expect((await write(creates(200), { 'x-ratelimit-bypass': key })).status).toBe(200);
  clock.advance(3_600_000);
  expect((await write(creates(200))).status).toBe(200);
});

test('mails are few: five codes of a kind an hour', async () => {
  const ask = (): Promise<Answer> => small.call('com.atproto.server.requestAccountDelete', { method: 'POST', token: alice.token });
  for (let times = 0; times < 5; times++) expect((await ask()).status).toBe(200);
  expect((await ask()).status).toBe(429);
});

test.each([['createSession', 'com.atproto.server.createSession', 200], ['startPasskeyCheck', 'app.dunlin.account.startPasskeyCheck', 400]] as const)('an account has 30 tries of %s in five minutes from an address, however its name is written', async (_name, nsid, status) => {
  clock.advance(3_600_000);
  const spellings = ['alice.test', '@ALICE.test', ' alice.test ', 'alice@people.org', alice.did, `\t${alice.did}`];
  const statuses: number[] = [];
  for (let index = 0; index < 31; index++) statuses.push((await small.call(nsid, { body: { identifier: spellings[index % spellings.length], password: 'alice password' } })).status);
  expect(statuses).toEqual([...Array.from({ length: 30 }, () => status), 429]);
});

test('an address has 3,000 calls in five minutes, of whatever methods', async () => {
  clock.advance(300_000);
  const calls: [nsid: string, status: number][] = [['com.atproto.server.describeServer', 200], ['com.example.unknown', 401]];
  const statuses: number[] = [];
  for (let batch = 0; batch < 30; batch++) {
    statuses.push(...await Promise.all(Array.from({ length: 100 }, async (_, index) => {
      const [nsid, status] = calls[index % 2]!;
      return (await small.call(nsid)).status === status ? 0 : 1;
    })));
  }
  expect(statuses.reduce((sum, each) => sum + each)).toBe(0);
  const refused = await small.call('com.atproto.server.describeServer');
  expect([refused.status, refused.json['error'], refused.headers.get('ratelimit-policy')]).toEqual([429, 'RateLimitExceeded', '3000;w=300']);
  expect((await small.call('com.atproto.server.describeServer', { headers: { 'x-ratelimit-bypass': key } })).status).toBe(200);
  clock.advance(300_000);
});

test('one address has 300 sign-ins in five minutes, whatever names it makes up', async () => {
  const stop = new AbortController();
  const statuses: number[] = [];
  const signIn = (identifier: string): Promise<void> =>
    fetch(`${small.url}/xrpc/com.atproto.server.createSession`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ identifier, password: 'x' }), signal: stop.signal,
    }).then(({ status }) => void statuses.push(status), () => undefined);
  // A refusal waits on the clock, which stands; who comes when too many wait is sent away at once. Either way it counts.
  const asked = Array.from({ length: 340 }, (_, index) => signIn(`nobody-${index}.test`));
  await eventually('the last forty are over the limit', () => statuses.filter((status) => status === 429).length >= 40);
  expect(statuses.filter((status) => status === 429).length).toBe(40);
  stop.abort();
  await Promise.all(asked);
  clock.advance(600_000);
});
