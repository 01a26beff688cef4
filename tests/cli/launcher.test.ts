/** The launcher, in a folder of its own with Nodes that are this one, or say they are not fit. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { temporaryFolder } from '../harness/temporary.ts';

let folder: { path: string; remove: () => Promise<void> };
beforeEach(async () => {
  folder = await temporaryFolder();
  const root = folder.path;
  for (const name of ['.node/bin', 'node_modules', 'cli/src', 'bin']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(join(import.meta.dirname, '../../dunlin'), join(root, 'dunlin'));
  for (const name of ['package-lock.json', 'node_modules/.dunlin-installed']) writeFileSync(join(root, name), '{}');
  writeFileSync(join(root, 'cli/src/main.ts'), 'console.log(JSON.stringify({ flags: process.execArgv, of: process.env.NODE_OF, words: process.argv.slice(2) }));');
  symlinkSync(process.execPath, join(root, '.node/bin/node'));
});
afterEach(() => folder.remove());

/** Puts a Node on the path that refuses an option it does not know, as Node does. */
function putNode(unknownFlag: string): void {
  const path = join(folder.path, 'bin/node');
  writeFileSync(path, `#!/usr/bin/env bash\nfor word; do case "$word" in ${unknownFlag}*) echo "node: bad option: $word" >&2; exit 9;; esac; done\nNODE_OF=path exec '${process.execPath}' "$@"\n`);
  chmodSync(path, 0o755);
}

function launch(...words: readonly string[]): { flags: string[]; of?: string; words: string[] } {
  const env = { PATH: `${join(folder.path, 'bin')}:/usr/bin:/bin`, NODE_COMPILE_CACHE: join(folder.path, 'cache') };
  return JSON.parse(execFileSync(join(folder.path, 'dunlin'), words, { env, encoding: 'utf8' })) as { flags: string[]; of?: string; words: string[] };
}

test('starts the Node on the path, a PDS with what bounds its memory, others without', () => {
  putNode('--nonsense');
  const pds = launch('pds', '--json');
  expect(pds).toMatchObject({ of: 'path', words: ['pds', '--json'] });
  expect(pds.flags).toEqual(expect.arrayContaining(['--turbo-filter=~']));
  expect(launch('relay').flags.filter((flag) => flag.includes('filter'))).toEqual([]);
});

test('passes over a Node that does not take the flags, for the one it brings itself', () => {
  putNode('--turbo-filter');
  expect(launch('pds').of).toBeUndefined();
  expect(launch('pds').flags).toEqual(expect.arrayContaining(['--turbo-filter=~']));
  expect(launch('relay').of).toBe('path');
});
