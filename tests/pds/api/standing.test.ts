/** An account's way in and out of service while the directory cannot be asked: what is known is told, and nothing is taken on trust. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startSmallPds, type Person, type SmallPds } from '../small-pds.ts';

let isAway = false;
let small: SmallPds;
let alice: Person;
beforeAll(async () => {
  small = await startSmallPds({ fetch: (input, init) => (isAway ? Promise.reject(new TypeError('fetch failed')) : fetch(input, init)) });
  alice = await small.newPerson('alice');
});
afterAll(() => small.close());

test('the status of an account is told without the directory, with a DID that is not known to be right; activation waits for it', async () => {
  const status = () => small.call('com.atproto.server.checkAccountStatus', { token: alice.token });
  const activate = () => small.call('com.atproto.server.activateAccount', { method: 'POST', token: alice.token });
  expect((await small.call('com.atproto.server.deactivateAccount', { body: {}, token: alice.token })).status).toBe(200);
  expect((await status()).json).toMatchObject({ activated: false, validDid: true });
  isAway = true;
  const { status: code, json } = await status();
  expect([code, json]).toEqual([200, expect.objectContaining({ activated: false, validDid: false, repoRev: expect.any(String) })]);
  const refused = await activate();
  expect([refused.status, refused.json['error']]).toEqual([502, 'UpstreamFailure']);
  expect((await status()).json).toMatchObject({ activated: false });
  isAway = false;
  expect((await activate()).status).toBe(200);
  expect((await status()).json).toMatchObject({ activated: true, validDid: true });
});
