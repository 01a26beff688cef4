import { chmod } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { root } from '../../harness/process.ts';
import { temporaryFolder } from '../../harness/temporary.ts';
import { eventually } from '../../harness/wait.ts';

let folder: { path: string; remove: () => Promise<void> };
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

test('a folder is made and taken once, and is free again after its release', () => {
  const path = join(folder.path, 'with a space', 'deeper');
  const lock = lockFolder(path);
  expect(() => lockFolder(path)).toThrow(`another process is using the data folder: ${path}`);
  lock.release();
  lock.release();
  lockFolder(path).release();
});

test('another process is kept out, and one that was killed keeps nobody out', async () => {
  const script = `import { lockFolder } from ${JSON.stringify(join(root, 'service/src/sqlite/folder-lock.ts'))}; lockFolder(process.argv[1]); console.log('taken'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script, folder.path], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(() => lockFolder(folder.path)).toThrow('another process is using the data folder');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = await eventually('the kernel let go', () => lockFolder(folder.path));
  lock.release();
});

test('a folder that cannot be written is told by its name', async () => {
  await chmod(folder.path, 0o500);
  // root writes everywhere: there a path through a file stands for a folder that cannot be made.
  const path = process.getuid?.() === 0 ? '/dev/null/folder' : folder.path;
  expect(() => lockFolder(path)).toThrow(path);
  await chmod(folder.path, 0o700);
});
