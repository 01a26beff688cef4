/** Waiting that somebody else can end, and that leaves nothing behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { Interruption } from '@dunlin/service/lifecycle/interruption';

const never = (): Promise<never> => new Promise(() => undefined);

test('gives what was waited for, or its fault', async () => {
  const interruption = new Interruption();
  expect(await interruption.wait(Promise.resolve(1))).toBe(1);
  await expect(interruption.wait(Promise.reject(new Error('theirs')))).rejects.toThrow('theirs');
});

test('an interruption ends the wait under way and those to come, with its first fault', async () => {
  const interruption = new Interruption();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const waiting = interruption.wait(late);
  interruption.interrupt(new Error('first'));
  interruption.interrupt(new Error('second'));
  await expect(waiting).rejects.toThrow('first');
  await expect(interruption.wait(never())).rejects.toThrow('first');
  // Nobody waits for it any more; unheard it would end the process.
  reject(new Error('late'));
});

test('an interruption between two waits is not lost', async () => {
  const interruption = new Interruption();
  await interruption.wait(Promise.resolve());
  interruption.interrupt(new Error('gone'));
  await expect(interruption.wait(never())).rejects.toThrow('gone');
});

test('keeps nothing of the waits that are over', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const interruption = new Interruption();
  const pieces: WeakRef<Uint8Array>[] = [];
  for (let i = 0; i < 100; i++) {
    pieces.push(new WeakRef(await interruption.wait(Promise.resolve(new Uint8Array(1)))));
  }
  // What a WeakRef was asked for stays until the turn is over.
  await new Promise((resolve) => void setImmediate(resolve));
  collectGarbage();
  // The engine may keep the last one or two in its registers.
  expect(pieces.filter((piece) => piece.deref() !== undefined).length).toBeLessThan(10);
  interruption.interrupt(new Error('the end'));
});
