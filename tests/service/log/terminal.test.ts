/** Tests of the door to stdout: a reader that goes away ends the writing, not the process in a crash. */
import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

test('a reader that goes away is told to whoever asked, and is no error', async () => {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'fixtures/shout.ts')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data) => void (stderr += String(data)));
  const [first] = await once(child.stdout, 'data');
  expect(String(first)).toMatch(/^line 1 x+/);
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  expect(stderr).toBe('reader is gone, terminal=false\n');
});
