/** `dunlin admin pds moves`: who is moving in, how far, stopped and let go on by its operator. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { adminPdsCommand } from '../../cli/src/admin-pds.ts';
import { arrive, newMover, startTwoHomes, type TwoHomes } from '../pds/moving/two-homes.ts';

let homes: TwoHomes;
beforeAll(async () => {
  homes = await startTwoHomes({ PDS_INVITE_REQUIRED: 'false' });
});
afterAll(() => homes.close());

async function run(...args: string[]): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_ADMIN_PASSWORD: 'operator' } });
  await command.parseAsync(['--url', homes.fresh.url, '--json', 'moves', ...args], { from: 'user' });
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('moves are listed, shown, stopped with a reason and let go on', async () => {
  const mover = await newMover(homes, 'ada');
  const fresh = await arrive(homes, mover, 'ada');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  expect(await run('list')).toEqual([{
    did: mover.did, handle: 'ada.example', from: homes.old.url, step: 'identity', state: 'yourTurn',
    age: expect.stringMatching(/^\d+ s$/), idle: expect.stringMatching(/^\d+ s$/), pace: '0 kB/s', stop: null,
  }]);
  expect(await run('show', 'ada.example')).toMatchObject([{ did: mover.did, step: 'identity', records: 3, expectedBlobs: 3, importedBlobs: 3, hasSession: true }]);
  await run('stop', mover.did, '--reason', 'write to us');
  expect(await fresh.status()).toMatchObject({ state: 'stopped', stop: { code: 'StoppedByOperator', message: 'The operator of this server has stopped this move: write to us' } });
  await run('resume', 'ada.example');
  await fresh.reaches('identity', 'yourTurn');
  await expect(run('resume', mover.did)).rejects.toThrow('no operator has stopped this move');
});
