/** Handles are looked up behind the index: each that is due, a few at once, again after a fault, and never after the end. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { HandleCheck, type HandleOutcome } from '@dunlin/appview/index/handles';
import { eventually } from '../../harness/wait.ts';
import { account, person, react, smallIndex, type SmallIndex } from '../small-index.ts';

let index: SmallIndex;
let abort: AbortController;
let asked: string[];
let answer: (did: string) => Promise<string | null>;
let outcomes: HandleOutcome[];
let handles: HandleCheck;

beforeEach(() => {
  index = smallIndex();
  abort = new AbortController();
  asked = [];
  outcomes = [];
  answer = (did) => Promise.resolve(`${did.slice(-3)}.example`);
  const verifiedHandle = (did: string): Promise<string | null> => {
    asked.push(did);
    return answer(did);
  };
  handles = new HandleCheck({
    accounts: index.store.accounts, resolver: { verifiedHandle } as unknown as IdentityResolver, clock: index.clock, signal: abort.signal,
    apply: (did, handle) => index.indexer.applyHandle(did, handle), onOutcome: (outcome) => void outcomes.push(outcome),
  });
});
afterEach(() => {
  abort.abort();
  index.store.close();
});

const people = Array.from({ length: 40 }, (_, number) => person(number + 10));
const arrive = (...dids: string[]): void => index.apply(...dids.map((did) => index.commit(did, react('a', '❤️'))));
const handleOf = (did: string): string | null | undefined => index.store.accounts.find(did)?.handle;

test('everybody who is due is looked up once, at most 16 at a time', async () => {
  let running = 0;
  let most = 0;
  answer = async (did) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return `${did.slice(-3)}.example`;
  };
  arrive(...people);
  handles.poke();
  handles.poke();
  await eventually('all are known', () => people.every((did) => handleOf(did)));
  expect([asked.length, most, handleOf(people[0])]).toEqual([40, 16, `${people[0].slice(-3)}.example`]);
});

test('one that does not verify is known to have none, and is not asked for again', async () => {
  answer = () => Promise.resolve(null);
  arrive(people[0]);
  handles.poke();
  await eventually('asked', () => outcomes.length === 1);
  handles.poke();
  expect([outcomes, asked.length, handleOf(people[0])]).toEqual([['none'], 1, null]);
});

test('a fault of the network is tried again half a minute later', async () => {
  answer = () => Promise.reject(new ProtocolError('IdentityUnavailable', 'no answer'));
  arrive(people[0]);
  handles.poke();
  await eventually('asked', () => outcomes.length === 1);
  handles.poke();
  expect(asked).toHaveLength(1);
  answer = () => Promise.resolve('back.example');
  index.clock.advance(30_000);
  await eventually('known', () => handleOf(people[0]) === 'back.example');
  expect(outcomes).toEqual(['unavailable', 'verified']);
});

test('one whose server never answers is asked for less and less often, so that it does not come before others for ever', async () => {
  answer = () => Promise.reject(new ProtocolError('IdentityUnavailable', 'no answer'));
  arrive(people[0]);
  handles.poke();
  for (const [waitMs, count] of [[30_000, 2], [60_000, 3], [120_000, 4]] as const) {
    await eventually('asked', () => outcomes.length === count - 1);
    index.clock.advance(waitMs - 1);
    handles.poke();
    expect(asked.length).toBe(count - 1);
    index.clock.advance(1);
    handles.poke();
    expect(asked.length).toBe(count);
  }
});

test('accounts that are not active are not looked up until they are', async () => {
  arrive(people[0]);
  index.apply(account(people[0], 'deactivated'));
  handles.poke();
  expect(asked).toEqual([]);
  index.apply(account(people[0], 'active'));
  handles.poke();
  await eventually('known', () => handleOf(people[0]));
});

test('after the end nothing is asked or written', async () => {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  answer = () => promise;
  arrive(...people.slice(0, 2));
  handles.poke();
  abort.abort();
  resolve('late.example');
  await new Promise((done) => setImmediate(done));
  handles.poke();
  expect([asked.length, handleOf(people[0]), outcomes]).toEqual([2, null, []]);
});
