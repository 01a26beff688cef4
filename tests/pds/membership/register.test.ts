/** Sign-ups while others take the same names: whoever writes first has them, and the other hears so. */
import { expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds } from '../small-pds.ts';

test('a handle that somebody changes to while a sign-up waits for the directory is refused, and the new DID ends', async () => {
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
    const signUp = small.call('com.atproto.server.createAccount', { body: { handle: 'carl.test', password: 'x' } });
    await eventually('the sign-up waits', () => waiting !== null);
    expect((await small.call('com.atproto.identity.updateHandle', { token: bob.token, body: { handle: 'carl.test' } })).status).toBe(200);
    release();
    expect(await signUp).toMatchObject({ status: 400, json: { error: 'InvalidRequest', message: 'Handle already taken: carl.test' } });
    expect((await fetch(String(waiting))).status).toBe(410);
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
