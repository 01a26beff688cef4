/** A handle that somebody else takes while the directory is asked: the other has it, and the document says again what is true. */
import { expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds } from '../small-pds.ts';

test('the document gets its handle back, and the account has kept it', async () => {
  let release = (): void => undefined;
  let isWaiting = false;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slowly: typeof globalThis.fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (init?.method === 'POST' && String(init.body).includes('at://carl.test') && !String(init.body).includes('"prev":null')) {
      isWaiting = true;
      await gate;
    }
    return answer;
  };
  const small = await startSmallPds({ fetch: slowly });
  try {
    const bob = await small.newPerson('bob');
    const change = small.call('com.atproto.identity.updateHandle', { token: bob.token, body: { handle: 'carl.test' } });
    await eventually('the directory has the new name', () => isWaiting);
    const namesOf = async (): Promise<unknown> => ((await (await fetch(`${small.plc.url}/${bob.did}/data`)).json()) as { alsoKnownAs: string[] }).alsoKnownAs;
    expect(await namesOf()).toEqual(['at://carl.test']);
    const { json } = await small.call('com.atproto.server.createAccount', { body: { handle: 'carl.test', password: 'x' } });
    release();
    expect((await change).json).toMatchObject({ error: 'HandleNotAvailable' });
    expect(await namesOf()).toEqual(['at://bob.test']);
    const handleOf = async (did: string): Promise<unknown> => (await small.call('com.atproto.repo.describeRepo', { params: { repo: did } })).json['handle'];
    expect([await handleOf(bob.did), await handleOf(String(json['did']))]).toEqual(['bob.test', 'carl.test']);
  } finally {
    release();
    await small.close();
  }
});
