/**
 * Has the disk keep a file's contents, or the names in a folder: what a row or a later name relies on must not be lost in a power cut.
 * Not for files that are open already, which sync themselves.
 * Source: POSIX fsync; a new or renamed file is durable only with its folder.
 */
import { open } from 'node:fs/promises';

/** Resolves when a file, or the names in a folder, would outlive a power cut. @throws what the file system says */
export async function makeDurable(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
