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
  /** True when a piece was asked for though the body was given up. */
  isAskedTooLate = false;
  #body: LentBody | null = null;
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
      this.isAskedTooLate ||= this.#body?.destroyed === true;
    }
  }

  body(): LentBody {
    this.#body = new LentBody((room) => this.make(room), roomBytes);
    return this.#body;
  }
}

function isWhole(bytes: Buffer, count: number): boolean {
  const isRight = (_none: unknown, at: number): boolean => bytes.subarray(at * roomBytes, (at + 1) * roomBytes).equals(Buffer.alloc(roomBytes, at % 251));
  return bytes.length === count * roomBytes && Array.from({ length: count }, isRight).every(Boolean);
}

interface Asked {
  answer: IncomingMessage;
  body: LentBody;
}

/** Serves the pieces and gives the answer, of which nothing is read yet, with the body that is sent. */
async function ask(pieces: Pieces): Promise<Asked> {
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

test('the maker is asked for nothing more when the reader leaves, or the body is given up', async () => {
  for (const end of [({ answer }: Asked) => answer.destroy(), ({ body }: Asked) => body.destroy()]) {
    const pieces = new Pieces(manyPieces);
    const asked = await ask(pieces);
    await eventually('pieces are on their way', () => pieces.made > 2);
    end(asked);
    await eventually('the body is closed', () => asked.body.closed);
    // Whatever was waited for within the body has its turns.
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect([pieces.isAskedTooLate, pieces.made < manyPieces]).toEqual([false, true]);
  }
});
