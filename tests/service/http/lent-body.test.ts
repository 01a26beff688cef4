/** Bodies whose pieces are used again: true at a reader that stops and goes on, and cut when the maker fails or the reader leaves. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';
import { LentBody } from '@dunlin/service/http/lent-body';
import { closeServices, openApp, whenDone } from './open-app.ts';
import { eventually } from '../../harness/wait.ts';

afterEach(closeServices);

const roomBytes = 65_536;
/** More than the buffers of both sockets take. */
const manyPieces = 600;

/** Counts what is made; each piece says which it is. */
class Pieces {
  readonly rooms = new Set<Buffer>();
  made = 0;
  readonly #count: number;
  readonly #failsAt: number;

  constructor(count: number, failsAt = Infinity) {
    this.#count = count;
    this.#failsAt = failsAt;
  }

  *make(room: () => Buffer): Generator<Buffer, void, undefined> {
    let next = room();
    while (this.made < this.#count) {
      if (this.made === this.#failsAt) throw new Error('no more of it');
      const piece = next.fill(this.made % 251);
      this.rooms.add(piece);
      this.made += 1;
      next = room();
      yield piece;
    }
  }

  body(): LentBody {
    return new LentBody((room) => this.make(room), roomBytes);
  }
}

function isWhole(bytes: Buffer, count: number): boolean {
  const isRight = (_none: unknown, at: number): boolean => bytes.subarray(at * roomBytes, (at + 1) * roomBytes).equals(Buffer.alloc(roomBytes, at % 251));
  return bytes.length === count * roomBytes && Array.from({ length: count }, isRight).every(Boolean);
}

/** Serves the pieces and gives the answer, of which nothing is read yet, with the body that is sent. */
async function ask(pieces: Pieces): Promise<{ answer: IncomingMessage; body: LentBody }> {
  const body = pieces.body();
  body.on('error', () => undefined);
  const { url } = await openApp({ prepare: (app) => app.use((context) => void (context.body = body)) });
  const asked = request(`${url}/`);
  whenDone(() => void asked.destroy());
  asked.on('error', () => undefined);
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return { answer, body };
}

test('an answer takes two pieces of memory, and a reader that stops holds the maker up', async () => {
  const pieces = new Pieces(manyPieces);
  const { answer, body } = await ask(pieces);
  let seen = -1;
  await eventually('the maker waits', () => {
    const isStill = pieces.made === seen && seen > 2;
    seen = pieces.made;
    return isStill;
  });
  expect(pieces.made).toBeLessThan(manyPieces);
  expect(isWhole(await buffer(answer), manyPieces)).toBe(true);
  expect(pieces.rooms.size).toBe(2);
  await eventually('the body is closed', () => body.destroyed);
});

test('an answer without pieces is empty', async () => {
  const { answer } = await ask(new Pieces(0));
  expect(await buffer(answer)).toHaveLength(0);
});

test('a reader that is no answer gets pieces of its own', async () => {
  const pieces = new Pieces(20);
  expect(isWhole(await buffer(pieces.body()), 20)).toBe(true);
  expect(pieces.rooms.size).toBe(20);
});

test('a fault of the maker cuts the answer', async () => {
  const { answer, body } = await ask(new Pieces(manyPieces, 3));
  await expect(buffer(answer)).rejects.toThrow('aborted');
  expect(body.errored?.message).toBe('no more of it');
});

test('the maker stops when the reader leaves', async () => {
  const pieces = new Pieces(manyPieces);
  const { answer, body } = await ask(pieces);
  answer.destroy();
  await eventually('the body is closed', () => body.destroyed);
  expect(pieces.made).toBeLessThan(manyPieces);
});
