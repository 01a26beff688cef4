/**
 * What the benches of the consumer read, and how they start a client that reads it.
 * Not for: tests. Place: bench/consumer-*.ts. Source: ours; the captured stream where there is one.
 * The keys go along, so that verification asks no directory.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { MadeAccount } from '../../tests/firehose-consumer/made-stream.ts';
import { readCapture } from '../../tests/protocol/repo/capture.ts';
import type { Answer, Task } from './clients.ts';

/** Frames, and everyone's signing key as did:key. */
export interface Stream {
  name: string;
  frames: Uint8Array[];
  keys: Record<string, string>;
}

/** Gives the captured stream of a real PDS; null where it is not. */
export function captured(): Stream | null {
  const capture = readCapture();
  if (capture === null) return null;
  const frames = capture.framesOfA;
  const keys: Record<string, string> = {};
  for (const frame of frames) {
    const { did } = scanFrame(frame);
    if (did !== null) keys[did] ??= capture.keyOf(did, 'A').didKey;
  }
  return { name: 'captured stream', frames, keys };
}

/** Gives commits of single records by twenty accounts. */
export function madeUp(): Stream {
  const accounts = Array.from({ length: 20 }, (_, index) => new MadeAccount(`account${index}`));
  const frames = Array.from({ length: 4_000 }, (_, index) => {
    const record = { $type: 'app.bsky.feed.like', subject: { uri: `at://did:web:a.test/app.bsky.feed.post/${index}` }, createdAt: '2026-01-01T00:00:00.000Z' };
    return (accounts[index % accounts.length] as MadeAccount).create(index + 1, `app.bsky.feed.like/r${index}`, record);
  });
  return { name: 'single creates, made up', frames, keys: Object.fromEntries(accounts.map(({ did, keypair }) => [did, keypair.did])) };
}

/** Runs one client in a process of its own. */
export function run(client: string, task: Task): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'clients.ts'), [client], { execArgv: ['--no-warnings', '--expose-gc'] });
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('exit', (code) => reject(new Error(`client ended without an answer: ${client} code=${code}`)));
    child.send(task);
  });
}
