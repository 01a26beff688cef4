/**
 * Trains the dictionary of the compressed JSON stream, relay/src/streams/zstd-dictionary, out of made-up events.
 * Run by hand when the shapes of events have changed: `node bench/relay-json/train-dictionary.ts`; needs the program `zstd`.
 * A dictionary has a number inside (its id) by which clients name it, so a new one is a new file and a new id for everyone.
 * Source: RFC 8878 section 5 for the format.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { sampleTexts } from './sample-texts.ts';

const dictionaryBytes = 16_384;
const dictionaryId = 2_026_112_400;
const trainingEvents = 20_000;
const target = join(import.meta.dirname, '../../relay/src/streams/zstd-dictionary');

const folder = mkdtempSync(join(tmpdir(), 'zstd-train-'));
try {
  const files = sampleTexts(1, trainingEvents).map((text, index) => {
    const file = join(folder, String(index));
    writeFileSync(file, text);
    return file;
  });
  writeFileSync(join(folder, 'list'), files.join('\n'));
  execFileSync('zstd', ['--train', '--filelist', join(folder, 'list'), '-o', target, '-f', `--maxdict=${dictionaryBytes}`, `--dictID=${dictionaryId}`, '-19', '-q'], { stdio: ['ignore', 'ignore', 'inherit'] });
} finally {
  rmSync(folder, { recursive: true });
}

const dictionary = readFileSync(target);
const unseen = sampleTexts(2, 2_000);
const plain = unseen.reduce((sum, text) => sum + text.length, 0);
const share = (options: object): number => Math.round((unseen.reduce((sum, text) => sum + zstdCompressSync(text, options).length, 0) / plain) * 1_000) / 1_000;
process.stdout.write(`${JSON.stringify({ bytes: dictionary.length, id: dictionary.readUInt32LE(4), shareWithDictionary: share({ dictionary }), shareWithout: share({}) })}\n`);
