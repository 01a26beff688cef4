import { copyFile, mkdir, readdir, truncate, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { headerBytes, recordBytes } from '@dunlin/relay/log/record';
import { segmentPath } from '@dunlin/relay/log/segment-files';
import { expectedPayload, firstSeq, makeEvent, makeFolder, openLog, readAll } from './log-fixture.ts';

/** What the model says must survive: records whole in .idx and frames whole in .dat. */
function survivors(ends: readonly number[], datBytes: number, idxBytes: number): number {
  const records = Math.max(0, Math.floor((idxBytes - headerBytes) / recordBytes));
  return ends.filter((end, i) => end <= datBytes && i < records).length;
}

test('recovers exactly the whole events before a cut at any byte of either file, and goes on after them', async () => {
  const folder = await makeFolder();
  const source = join(folder, 'source');
  const sizes = [30, 118, 300, 70_000, 45, 1000, 60, 2000];
  const log = await openLog(source);
  const events = sizes.map((bytes, i) => makeEvent(bytes, i + 1));
  for (const [i, event] of events.entries()) {
    log.append(event);
    if (i % 3 === 2) await log.settled();
  }
  await log.close();
  const path = segmentPath(source, firstSeq);
  const [datSize, idxSize] = [(await stat(`${path}.dat`)).size, (await stat(`${path}.idx`)).size];
  const ends: number[] = [];
  for (const record of (await (await openLog(source)).segments[0]?.records(0, 99)) ?? []) ends.push(record.offset + record.length);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: datSize }), fc.integer({ min: headerBytes, max: idxSize }), fc.constantFrom('both', 'dat', 'idx'), async (datCut, idxCut, which) => {
      const copy = join(folder, `copy-${run++}`);
      await mkdir(copy);
      for (const name of await readdir(source)) await copyFile(join(source, name), join(copy, name));
      const [datBytes, idxBytes] = [which === 'idx' ? datSize : datCut, which === 'dat' ? idxSize : idxCut];
      await truncate(`${segmentPath(copy, firstSeq)}.dat`, datBytes);
      await truncate(`${segmentPath(copy, firstSeq)}.idx`, idxBytes);
      const expected = survivors(ends, datBytes, idxBytes);
      // A cut of frames whose records have later groups behind them is damage before the tail, not a torn tail.
      const laterGroup = Math.ceil((expected + 1) / 3) * 3;
      const isDamage = survivors(ends, datSize, idxBytes) > laterGroup && survivors(ends, datBytes, idxSize) < laterGroup;
      if (isDamage) {
        await expect(openLog(copy)).rejects.toThrow('log is damaged before its tail');
        return;
      }
      const recovered = await openLog(copy);
      expect(recovered.headSeq()).toBe(firstSeq + expected - 1);
      const added = recovered.append(makeEvent(50, 99));
      await recovered.settled();
      const { seqs, payloads } = await readAll(recovered, 0, 1000);
      expect(seqs).toEqual(Array.from({ length: expected + 1 }, (_, i) => firstSeq + i));
      const wanted = [...events.slice(0, expected), makeEvent(50, 99)].map((event, i) => expectedPayload(event, firstSeq + i));
      expect(payloads.every((payload, i) => wanted[i]?.equals(payload))).toBe(true);
      expect(added).toBe(firstSeq + expected);
      await recovered.close();
    }),
    { numRuns: 80 },
  );
});

test('forgets a segment whose making was interrupted and a .dat without its .idx', async () => {
  const folder = await makeFolder();
  const log = await openLog(folder);
  log.append(makeEvent(100, 1));
  await log.close();
  const next = segmentPath(folder, firstSeq + 1);
  await writeFile(`${next}.dat`, '');
  await writeFile(`${next}.idx`, Buffer.alloc(10));
  await writeFile(`${segmentPath(folder, firstSeq + 9)}.dat`, 'left over');
  const recovered = await openLog(folder);
  expect(recovered.headSeq()).toBe(firstSeq);
  expect(await readdir(folder)).toHaveLength(2);
});

test('refuses a log with a segment missing in the middle', async () => {
  const folder = await makeFolder();
  const log = await openLog(folder, { segmentBytes: 100 });
  for (let i = 0; i < 3; i++) {
    log.append(makeEvent(100, i));
    await log.settled();
  }
  await log.close();
  await truncate(`${segmentPath(folder, firstSeq + 1)}.dat`, 5);
  await expect(openLog(folder)).rejects.toThrow('sealed log segment is damaged at its end');
});
