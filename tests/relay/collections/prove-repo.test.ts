import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { writeCar } from '@dunlin/protocol/car/write';
import { cidForCbor, cidToBytes } from '@dunlin/protocol/data/cid';
import { keyHeight } from '@dunlin/protocol/mst/key';
import { decodeNode, encodeNode, newNode } from '@dunlin/protocol/mst/node';
import { signCommit } from '@dunlin/protocol/repo/commit';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { readCar } from '@dunlin/protocol/car/read';
import { proveRepo } from '@dunlin/relay/collections/prove-repo';
import type { Proof, ProofRequest } from '@dunlin/relay/collections/prove-repo';
import { createWrite } from '../fixture/fake-account.ts';
import { RandomRepo, collectionNames, randomCommits } from './random-repo.ts';

/** Asks a host that answers from a repository, or as it is told; counts the questions. */
async function prove(repo: RandomRepo, o: Partial<ProofRequest> & { answer?: (path: string, n: number) => Response } = {}): Promise<{ proof: Proof; asked: string[] }> {
  const asked: string[] = [];
  const fetch = (async (url: string) => {
    const params = new URL(url).searchParams;
    const path = `${params.get('collection')}/${params.get('rkey')}`;
    asked.push(path);
    return o.answer?.(path, asked.length) ?? new Response(Buffer.from(repo.account.proof(path)));
  }) as typeof globalThis.fetch;
  const { curve, bytes } = repo.account.keypair.publicKey;
  const proof = await proveRepo({ fetch, origin: 'https://host.example.com', did: repo.account.did, key: { curve, bytes }, claimed: repo.collections(), turn: async () => undefined, nowMs: () => 0, ...o });
  return { proof, asked };
}

test('proves the collections of random repositories, whatever was claimed, with a question a collection and one more at most', async () => {
  await fc.assert(fc.asyncProperty(randomCommits(30), fc.nat(200), fc.subarray([...collectionNames, 'zzz.example.c']), async (commits, records, claimed) => {
    const repo = new RandomRepo();
    if (records > 0) repo.fill(collectionNames[records % 6]!, records);
    for (const writes of commits) repo.commit(writes);
    fc.pre(repo.account.head !== null);
    const { proof, asked } = await prove(repo, { claimed });
    expect(proof).toMatchObject({ kind: 'proven', repo: { rev: repo.account.head!.rev } });
    expect(proof.kind === 'proven' && [...proof.collections]).toEqual(repo.collections());
    // A wrong claim may cost one more.
    expect(asked.length).toBeLessThanOrEqual(repo.collections().length + 2);
  }), { numRuns: 80 });
});

test('a small repository takes one question, an empty one too', async () => {
  const repo = new RandomRepo();
  for (const name of collectionNames) repo.fill(name, 1);
  expect((await prove(repo)).asked.length).toBeLessThanOrEqual(3);
  const empty = new RandomRepo();
  empty.account.commit([]);
  expect(await prove(empty)).toMatchObject({ proof: { kind: 'proven', collections: new Set() }, asked: ['a.a.a/-'] });
});

test('record keys above all others of their collection are no gap', async () => {
  const repo = new RandomRepo();
  repo.fill('com.example.a', 200);
  repo.account.commit(Array.from({ length: 60 }, (_, i) => createWrite(`~${'~'.repeat(i)}`, 20, 'com.example.a')));
  repo.account.commit([createWrite('x', 20, 'com.example.b')]);
  const { proof } = await prove(repo, { claimed: ['com.example.a'] });
  expect(proof.kind === 'proven' && [...proof.collections]).toEqual(['com.example.a', 'com.example.b']);
});

test('a commit that comes in between is taken as the one to prove', async () => {
  const repo = new RandomRepo();
  repo.fill('com.example.a', 200);
  repo.fill('com.example.b', 200);
  const { proof } = await prove(repo, {
    answer: (path, n) => {
      if (n === 2) repo.fill('app.bsky.feed.post', 3);
      return new Response(Buffer.from(repo.account.proof(path)));
    },
  });
  expect(proof).toMatchObject({ kind: 'proven', repo: { rev: repo.account.head!.rev } });
  expect(proof.kind === 'proven' && [...proof.collections]).toEqual(['app.bsky.feed.post', 'com.example.a', 'com.example.b']);
});

test('a repository that changes with every answer is asked again later', async () => {
  const repo = new RandomRepo();
  repo.fill('com.example.a', 200);
  repo.fill('com.example.b', 200);
  const { proof, asked } = await prove(repo, {
    claimed: [],
    answer: (path, n) => {
      repo.fill(`com.example.c${n}`, 200);
      return new Response(Buffer.from(repo.account.proof(path)));
    },
  });
  expect([proof, asked.length]).toEqual([{ kind: 'failed', retryMs: null }, 5]);
});

test('what is not signed, left out, of somebody else or no answer proves nothing', async () => {
  const repo = new RandomRepo();
  repo.fill('com.example.a', 200);
  repo.fill('com.example.b', 200);
  const other = new RandomRepo();
  other.fill('com.example.a', 3);
  const stranger = Keypair.generate().publicKey;
  const without = (bytes: Uint8Array): Uint8Array => {
    const { roots, blocks } = readCar(bytes);
    return writeCar(roots[0]!, [...blocks].slice(0, -1));
  };
  const kindOf = async (o: Parameters<typeof prove>[1]): Promise<string> => (await prove(repo, o)).proof.kind;
  expect(await kindOf({ key: { curve: stranger.curve, bytes: stranger.bytes } })).toBe('unprovable');
  expect(await kindOf({ answer: (path) => new Response(Buffer.from(without(repo.account.proof(path)))) })).toBe('unprovable');
  expect(await kindOf({ answer: () => new Response(Buffer.from(other.account.proof('a.a.a/-'))) })).toBe('unprovable');
  expect(await kindOf({ answer: () => new Response('not a car') })).toBe('unprovable');
  expect(await kindOf({ answer: () => new Response('', { status: 404 }) })).toBe('unprovable');
  expect((await prove(repo, { answer: () => new Response('', { status: 429, headers: { 'retry-after': '7' } }) })).proof).toEqual({ kind: 'failed', retryMs: 7_000 });
  expect(await kindOf({ answer: () => { throw new Error('no route'); } })).toBe('failed');
});

test('a tree made to be read over and over costs no more than its bytes', async () => {
  const { did, keypair } = new RandomRepo().account;
  const keys: string[] = [];
  // All on one layer above the lowest; nine hundred collections, and one that makes the node as large as it may be.
  for (let i = 10_000; keys.length < 8_000; i++) {
    const key = keys.length < 900 ? `a.b.c${i}/k` : `a.b.d/${i}`;
    if (keyHeight(key) === 1) keys.push(key);
  }
  const missing = cidToBytes(cidForCbor(new Uint8Array(1)));
  const node = encodeNode(newNode(1, keys, keys.map(() => missing), [...keys.map(() => null), missing]));
  const data = cidForCbor(node);
  const { cid, bytes } = signCommit({ did, data, rev: '3kdgeujwlq32y', keypair });
  const car = writeCar(cid, [[cid, bytes], [data, node]]);
  let asked = 0;
  const fetch = (async () => (asked++, new Response(Buffer.from(car)))) as typeof globalThis.fetch;
  const before = process.cpuUsage();
  expect(await proveRepo({ fetch, origin: 'https://host.example.com', did, key: keypair.publicKey, claimed: [], turn: async () => undefined, nowMs: () => 0 })).toEqual({ kind: 'unprovable', detail: 'the host leaves nodes out' });
  const spentMs = process.cpuUsage(before).user / 1_000;
  const beforeReading = process.cpuUsage();
  for (let i = 0; i < asked; i++) decodeNode(node, missing, 1);
  // Read for each collection it would be nine hundred times that.
  expect(spentMs).toBeLessThan(100 + 20 * (process.cpuUsage(beforeReading).user / 1_000));
});
