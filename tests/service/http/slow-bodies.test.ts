/** Bodies that take long: on most routes as little time as ever, on some as long as they come at a pace; time moved by hand, real sockets. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { allowLongBody } from '@dunlin/service/http/slow-bodies';
import { eventually } from '../../harness/wait.ts';
import { closeServices, openApp, whenDone } from './open-app.ts';

afterEach(closeServices);

const rule = { leastBytes: 1_000, windowMs: 60_000, maxMs: 600_000 };
const bodyBytes = 100_000;

interface Upload {
  readonly socket: Socket;
  readonly clock: ManualClock;
  /** What came back. */
  answer(): string;
  /** Sends so many bytes, waits until they are there, and lets so much time go by, a second at a time. */
  send(bytes: number, ms: number): Promise<void>;
  pass(ms: number): Promise<void>;
}

/** A body that is not whole yet; it is read, left unread, or answered before it is whole. */
async function startUpload({ isLong, reading = 'whole' }: { isLong: boolean; reading?: 'whole' | 'none' | 'answeredBefore' }): Promise<Upload> {
  const clock = new ManualClock();
  let request: IncomingMessage | null = null;
  const { port } = await openApp({
    clock, longBodies: rule, requestTimeoutMs: 300_000,
    prepare: (app) => app.use(async (context, next) => {
      if (context.path !== '/upload') return next();
      request = context.req;
      if (isLong) allowLongBody(context.req);
      if (reading === 'none') return await new Promise(() => undefined);
      if (reading === 'answeredBefore') return void (context.body = 'no need');
      let count = 0;
      for await (const chunk of context.req) count += (chunk as Buffer).length;
      context.body = `${count} bytes`;
    }),
  });
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  whenDone(() => void socket.destroy());
  let [answer, sent] = ['', 0];
  socket.on('data', (data) => void (answer += String(data)));
  socket.on('error', () => undefined);
  const head = `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
  const arrives = (): Promise<unknown> => eventually('what was sent is there', () => socket.destroyed || (request !== null && (request.socket.bytesRead >= sent || request.socket.destroyed)));
  socket.write(head);
  sent += head.length;
  await arrives();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    socket, clock, pass,
    answer: () => answer,
    async send(bytes, ms) {
      socket.write(Buffer.alloc(bytes, 1));
      sent += bytes;
      await arrives();
      await pass(ms);
    },
  };
}

const ended = async ({ socket }: Upload): Promise<void> => {
  if (!socket.destroyed && !socket.readableEnded) await once(socket, 'end');
};

describe('a body on a route like most', () => {
  test('has the time of all requests, however fast it comes, and hardly more', async () => {
    const upload = await startUpload({ isLong: false });
    for (let minute = 0; minute < 5; minute++) await upload.send(5_000, 60_000);
    expect(upload.answer()).toBe('');
    await upload.pass(2_000);
    await ended(upload);
    expect(upload.answer()).toContain('408 Request Timeout');
    expect(upload.answer()).toContain('"error":"RequestTimeout"');
  });

  test('that goes on after its answer has no more time than that either', async () => {
    const upload = await startUpload({ isLong: false, reading: 'answeredBefore' });
    await eventually('it is answered', () => upload.answer().includes('no need'));
    for (let minute = 0; minute < 5; minute++) await upload.send(5_000, 60_000);
    expect(upload.socket.readableEnded).toBe(false);
    await upload.pass(2_000);
    await ended(upload);
  });

  test('that is whole in time is served', async () => {
    const upload = await startUpload({ isLong: false });
    await upload.send(bodyBytes - 1, 299_000);
    await upload.send(1, 0);
    await eventually('it is answered', () => upload.answer().includes(`${bodyBytes} bytes`));
    await upload.pass(60_000);
    expect(upload.socket.destroyed).toBe(false);
  });
});

describe('a body that may take long', () => {
  test('is served beyond that time as long as it keeps the pace', async () => {
    const upload = await startUpload({ isLong: true });
    for (let minute = 0; minute < 9; minute++) await upload.send(1_000, 59_000);
    await upload.send(bodyBytes - 9_000, 0);
    await eventually('it is answered', () => upload.answer().includes(`${bodyBytes} bytes`));
  });

  test('is cut off when too little comes within a window, of a byte now and then too', async () => {
    const upload = await startUpload({ isLong: true });
    for (let second = 0; second < 59; second++) await upload.send(16, 1_000);
    expect(upload.answer()).toBe('');
    await upload.send(16, 3_000);
    await ended(upload);
    expect(upload.answer()).toContain('408 Request Timeout');
  });

  test('is cut off at its own bound, however fast it comes', async () => {
    const upload = await startUpload({ isLong: true });
    for (let minute = 0; minute < 10; minute++) await upload.send(5_000, 60_000);
    expect(upload.answer()).toBe('');
    await upload.pass(2_000);
    await ended(upload);
    expect(upload.answer()).toContain('408 Request Timeout');
  });

  test('is not cut off for our being slow to read it', async () => {
    const upload = await startUpload({ isLong: true, reading: 'none' });
    await upload.send(10_000, 300_000);
    expect([upload.answer(), upload.socket.destroyed]).toEqual(['', false]);
  });
});

test('who was told and goes on sending is cut', async () => {
  const upload = await startUpload({ isLong: true });
  await upload.pass(62_000);
  await ended(upload);
  upload.socket.write('more');
  const closed = new Promise((resolve) => upload.socket.once('close', resolve));
  await upload.pass(2_000);
  upload.socket.write('and more');
  await closed;
});
