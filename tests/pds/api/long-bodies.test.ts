/** A large file over a slow line comes whole, however long it takes at its pace; other methods give no more time than ever. Time is moved by hand. */
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, type Person, type SmallPds } from '../small-pds.ts';

const clock = new ManualClock(Date.parse('2026-11-24T00:00:00Z'));
let small: SmallPds;
let person: Person;
const calls: ClientRequest[] = [];
beforeAll(async () => {
  small = await startSmallPds({ clock });
  person = await small.newPerson('ada');
});
afterAll(async () => {
  for (const each of calls) each.destroy();
  await small.close();
});

interface Open {
  /** Sends bytes, waits until `hasCome`, and lets time go by, a second at a time. */
  send(bytes: Buffer, ms: number, hasCome: (sentBytes: number) => boolean | Promise<boolean>): Promise<void>;
  end(): void;
  readonly answer: Promise<{ status: number; json: Record<string, unknown> }>;
}

/** A call whose body is sent piece by piece. */
function open(nsid: string, contentType: string, length: number): Open {
  const sent: ClientRequest = request(`${small.url}/xrpc/${nsid}`, { method: 'POST', headers: { authorization: `Bearer ${person.token}`, 'content-type': contentType, 'content-length': length } });
  const answer = once(sent, 'response').then(async ([response]) => {
    const { statusCode = 0 } = response as IncomingMessage;
    return { status: statusCode, json: JSON.parse(await text(response as IncomingMessage)) as Record<string, unknown> };
  });
  sent.on('error', () => undefined);
  calls.push(sent);
  let sentBytes = 0;
  return {
    answer,
    async send(bytes, ms, hasCome) {
      sent.write(bytes);
      sentBytes += bytes.length;
      await eventually('the bytes are there', () => hasCome(sentBytes));
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(1_000);
        // What is answered in a second is on its way before the next.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    end: () => void sent.end(),
  };
}

/** Bytes of files that are coming. */
function receivedBytes(): number {
  const names = readdirSync(small.dataDirectory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.parentPath.includes('blobs'));
  return names.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

test('a file that takes ten minutes at its pace is kept', async () => {
  const piece = Buffer.alloc(500_000, 7);
  const upload = open('com.atproto.repo.uploadBlob', 'application/octet-stream', 10 * piece.length);
  for (let minute = 0; minute < 10; minute++) await upload.send(piece, 59_000, (sentBytes) => receivedBytes() >= sentBytes);
  upload.end();
  expect(await upload.answer).toMatchObject({ status: 200, json: { blob: { size: 5_000_000 } } });
});

test('a record that takes more than five minutes is not waited for', async () => {
  const isUp = async (): Promise<boolean> => (await small.call('_health')).status === 200;
  const write = open('com.atproto.repo.createRecord', 'application/json', 10_000);
  const answers: Awaited<Open['answer']>[] = [];
  void write.answer.then((given) => answers.push(given));
  // The server may come to hear of the call only in a later minute: time goes on until it answers.
  let minutes = 0;
  for (; answers.length === 0 && minutes < 90; minutes++) await write.send(Buffer.alloc(100, ' '), 60_000, isUp);
  expect(answers).toMatchObject([{ status: 408, json: { error: 'RequestTimeout' } }]);
  expect(minutes).toBeGreaterThanOrEqual(5);
});
