/** Sign-ups while others take the same names: whoever writes first has them, and the other hears so. */
import { expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds } from '../small-pds.ts';

test('while a sign-up waits for the directory its handle is nobody else\'s; when its address is taken meanwhile, the new DID ends and the handle is free', async () => {
  let release = (): void => undefined;
  let waiting: string | null = null;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slowly: typeof globalThis.fetch = async (input, init) => {
    if (init?.method === 'POST' && String(init.body).includes('at://carl.test') && String(init.body).includes('"prev":null')) {
      waiting = String(input);
      await gate;
    }
    return fetch(input, init);
  };
  const small = await startSmallPds({ fetch: slowly });
  try {
    const bob = await small.newPerson('bob');
    const signUp = small.call('com.atproto.server.createAccount', { body: { handle: 'carl.test', email: 'carl@people.org', password: 'x' } });
    await eventually('the sign-up waits', () => waiting !== null);
    const wish = () => small.call('com.atproto.identity.updateHandle', { token: bob.token, body: { handle: 'carl.test' } });
    expect(await wish()).toMatchObject({ status: 400, json: { error: 'HandleNotAvailable' } });
    expect((await small.call('com.atproto.admin.updateAccountEmail', { headers: small.admin, body: { account: bob.did, email: 'carl@people.org' } })).status).toBe(200);
    release();
    expect(await signUp).toMatchObject({ status: 400, json: { error: 'InvalidRequest', message: 'Email already taken: carl@people.org' } });
    expect((await fetch(String(waiting))).status).toBe(410);
    expect((await wish()).status).toBe(200);
  } finally {
    release();
    await small.close();
  }
});

test('a name the server has or had is no handle for who signs up, or changes theirs', async () => {
  const small = await startSmallPds({ environment: { PDS_FORMER_HOSTNAMES: 'home9.test' } });
  try {
    const bob = await small.newPerson('bob');
    const refused = { status: 400, json: { error: 'HandleNotAvailable', message: 'Reserved handle' } };
    expect(await small.call('com.atproto.server.createAccount', { body: { handle: 'Home9.test', password: 'x' } })).toMatchObject(refused);
    expect(await small.call('com.atproto.identity.updateHandle', { token: bob.token, body: { handle: 'home9.test' } })).toMatchObject(refused);
    const { json } = await small.call('com.atproto.temp.checkHandleAvailability', { params: { handle: 'home9.test' } });
    expect(json['result']).toMatchObject({ $type: 'com.atproto.temp.checkHandleAvailability#resultUnavailable' });
    expect((await small.call('com.atproto.identity.updateHandle', { token: bob.token, body: { handle: 'home8.test' } })).status).toBe(200);
  } finally {
    await small.close();
  }
});
