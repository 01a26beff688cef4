/**
 * Makes logs in temporary folders and events with known bytes for the tests of relay/log.
 * Not a test itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { hashDid } from '@dunlin/relay/log/did-hash';
import type { Appendable } from '@dunlin/relay/log/group';
import { RelayLog } from '@dunlin/relay/log/relay-log';
import type { RelayLogOptions } from '@dunlin/relay/log/relay-log';

/** First seq of every log made here. */
export const firstSeq = 2 ** 32 + 1;

const folders: string[] = [];
const logs: RelayLog[] = [];

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** Gives a new folder that is removed after the test. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-log-'));
  folders.push(folder);
  return folder;
}

/** Opens a log that is closed after the test. */
export async function openLog(folder: string, options: Partial<RelayLogOptions> = {}): Promise<RelayLog> {
  const log = await RelayLog.open({
    folder, initialSeq: firstSeq, durability: 'fsync', segmentBytes: 1_000_000, segmentAgeMs: 3_600_000, clock: systemClock,
    onFault: (error) => {
      throw error;
    },
    ...options,
  });
  logs.push(log);
  return log;
}

/** Gives an event whose payload is `bytes` bytes of filling around a one-byte seq. */
export function makeEvent(bytes: number, filling: number, did = 'did:plc:abc', kind: Appendable['kind'] = 'commit'): Appendable {
  const seqOffset = Math.floor(bytes / 2);
  const payload = new Uint8Array(bytes).fill(filling);
  payload[seqOffset] = 5;
  return { kind, payload, seqOffset, seqLength: 1, didHash: hashDid(did), hostId: 7, hostCursor: filling };
}

/** Gives what the log makes of an event: its payload with the seq in nine bytes. */
export function expectedPayload(event: Appendable, seq: number): Buffer {
  const middle = Buffer.alloc(9);
  middle[0] = 0x1b;
  middle.writeBigUInt64BE(BigInt(seq), 1);
  return Buffer.concat([event.payload.subarray(0, event.seqOffset), middle, event.payload.subarray(event.seqOffset + event.seqLength)]);
}

/** A frame as a client sees it. */
export interface SeenFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Parses server-to-client frames the way a client would. */
export function parseFrames(bytes: Buffer): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes.readUInt8(at);
    const short = bytes.readUInt8(at + 1);
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    frames.push({ opcode: first & 0x0f, payload: bytes.subarray(at + headerBytes, at + headerBytes + length) });
    at += headerBytes + length;
  }
  return frames;
}

/** Reads a whole log in pieces of at most `maxBytes`. */
export async function readAll(log: RelayLog, afterSeq: number, maxBytes: number): Promise<{ seqs: number[]; payloads: Buffer[] }> {
  const seqs: number[] = [];
  const payloads: Buffer[] = [];
  for (let at = afterSeq; ; ) {
    const slice = await log.read(at, maxBytes);
    if (slice === null) return { seqs, payloads };
    for (let i = 0; i < slice.count; i++) seqs.push(slice.firstSeq + i);
    payloads.push(...parseFrames(slice.bytes).map((frame) => frame.payload));
    at = slice.lastSeq;
  }
}
