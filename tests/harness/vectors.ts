/**
 * Finds the data that lies outside the project: interoperability vectors and captured streams.
 * Tests that use it also hold without it: absent folders are told by a passing test's name, never by a failure.
 * Place: tests only. Source: ours; INTEROP_VECTORS and CAPTURE_FOLDER name other places.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const besideCheckout = join(import.meta.dirname, '..', '..', '..', 'shared');

function folder(fromEnvironment: string | undefined, name: string): string | null {
  for (const path of [fromEnvironment, join(besideCheckout, name)]) if (path && existsSync(path)) return path;
  return null;
}

/** Gives the folder of the interoperability vectors (`crypto/`, `data-model/`, `mst/`, `syntax/`), or null. */
export function vectorsFolder(): string | null {
  return folder(process.env['INTEROP_VECTORS'], 'vectors');
}

/** Gives the folder of the captured streams (`frames.bin`, `cars/`, `proofs/`, `manifest.json`), or null. */
export function captureFolder(): string | null {
  return folder(process.env['CAPTURE_FOLDER'], 'capture');
}

/** Reads a JSON file of one of the folders; the caller says what is in it. */
export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}

/** Reads the meaningful lines of a text file of one of the folders: no comments, no empty lines, spaces kept. */
export function readLines(...path: string[]): string[] {
  return readFileSync(join(...path), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}
