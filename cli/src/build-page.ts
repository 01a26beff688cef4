/**
 * Builds the app view's page with Vite when its sources are newer than what was built last.
 * Not for: serving it; the app view does that from appview/web/dist.
 * Source: ours.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';

const web = join(import.meta.dirname, '../../appview/web');

/** Brings appview/web/dist up to date; does nothing when it is. @throws what Vite throws when the sources do not build. */
export async function buildPage(): Promise<void> {
  const built = await stat(join(web, 'dist/index.html')).then((file) => file.mtimeMs, () => 0);
  if (built >= (await newestSource(web))) return;
  await build({ root: web, logLevel: 'warn' });
}

async function newestSource(folder: string): Promise<number> {
  let newest = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.startsWith(join(folder, 'dist'))) continue;
    newest = Math.max(newest, (await stat(path)).mtimeMs);
  }
  return newest;
}
