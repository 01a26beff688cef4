/** Blocks are found again whether they lie in memory or in a file, and no file is left. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { RepoStage, spillBytes } from '../../firehose-consumer/src/repo-stage.ts';
import { temporaryFolder } from '../harness/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let stage: RepoStage;
beforeEach(async () => {
  folder = await temporaryFolder();
  stage = new RepoStage(folder.path);
});
afterEach(async () => {
  stage.close();
  await folder.remove();
});

function block(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

test.each([
  ['in memory', Math.floor(spillBytes / 1_000)],
  ['in a file', Math.floor(spillBytes / 1_000) + 2_000],
])('%s', (_name, count) => {
  const cids = Array.from({ length: count }, (_, number) => {
    const bytes = block(number, 1_000);
    const cid = cidForCbor(bytes);
    stage.add(cid.bytes, bytes);
    stage.add(cid.bytes, bytes);
    return cid;
  });
  for (const [number, cid] of cids.entries()) {
    if (number % 97 === 0 || number > count - 5) expect(Buffer.from(stage.getBytes(cid.bytes) as Uint8Array).equals(block(number, 1_000))).toBe(true);
  }
  expect(stage.getBytes(cidForCbor(block(count, 1_000)).bytes)).toBeUndefined();
  stage.close();
  expect(readdirSync(folder.path)).toEqual([]);
});
