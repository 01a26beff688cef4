/**
 * Reads captured event streams: each message is a big-endian u32 length and then the bytes of one binary WebSocket message.
 * Place: tests and bench only; see tests/harness/vectors for where the files lie.
 * Source: ours, the capture's README.
 */
import { readFileSync } from 'node:fs';

/** Gives the messages of a capture file in order, as views into the file's bytes; `max` stops early. */
export function readFrames(path: string, max = Infinity): Buffer[] {
  const file = readFileSync(path);
  const frames: Buffer[] = [];
  for (let offset = 0; offset < file.length && frames.length < max; ) {
    const start = offset + 4;
    const end = start + file.readUInt32BE(offset);
    if (end > file.length) throw new Error(`capture is cut short: offset=${offset}`);
    frames.push(file.subarray(start, end));
    offset = end;
  }
  return frames;
}
