/** A handle that somebody else wants while the directory is asked for it: it is held for whoever asked first. */
import { expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds } from '../small-pds.ts';

test('a handle is nobody else\'s from before the directory has it until the account has it', async () => {
  let release = (): void => undefined;
  let isWaiting = false;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slowly: typeof globalThis.fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (init?.method === 'POST' && String(init.body).includes('at://carl.test')) {
      isWaiting = true;
      await gate;
    }
    return answer;
  };
  const small = await startSmallPds({ fetch: slowly });
  try {
    const bob = await small.newPerson('bob');
    const dave = await small.newPerson('dave');
    const wish = (token: string) => small.call('com.atproto.identity.updateHandle', { token, body: { handle: 'carl.test' } });
    const change = wish(bob.token);
    await eventually('the directory has the new name', () => isWaiting);
    const namesOf = async (): Promise<unknown> => ((await (await fetch(`${small.plc.url}/${bob.did}/data`)).json()) as { alsoKnownAs: string[] }).alsoKnownAs;
    expect(await namesOf()).toEqual(['at://carl.test']);
    const taken = { status: 400, json: { message: 'Handle already taken: carl.test' } };
    expect(await small.call('com.atproto.server.createAccount', { body: { handle: 'carl.test', password: 'x' } })).toMatchObject(taken);
    expect(await wish(dave.token)).toMatchObject({ ...taken, json: { error: 'HandleNotAvailable' } });
    const { json } = await small.call('com.atproto.temp.checkHandleAvailability', { params: { handle: 'carl.test' } });
    expect(json['result']).toMatchObject({ $type: 'com.atproto.temp.checkHandleAvailability#resultUnavailable' });
    release();
    expect((await change).status).toBe(200);
    expect(await namesOf()).toEqual(['at://carl.test']);
    const handleOf = async (did: string): Promise<unknown> => (await small.call('com.atproto.repo.describeRepo', { params: { repo: did } })).json['handle'];
    expect([await handleOf(bob.did), await handleOf(dave.did)]).toEqual(['carl.test', 'dave.test']);
    expect((await small.call('com.atproto.server.createAccount', { body: { handle: 'bob.test', password: 'x' } })).status).toBe(200);
  } finally {
    release();
    await small.close();
  }
});
