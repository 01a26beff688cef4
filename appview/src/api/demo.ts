/**
 * Demo mode: tells the page which demo accounts, post and room there are, from a file that `./dunlin up` writes.
 * The file holds passwords of accounts made for nothing else; without demo mode there is no such path.
 * Read again on every request, because it may be written after this service has started.
 * Source: ours, see cli/src/demo.ts.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod/v4';

const demoSchema = z.object({
  subject: z.string().max(2_048),
  room: z.string().max(2_048),
  users: z.array(z.object({ pds: z.url().max(512), handle: z.string().max(253), did: z.string().max(2_048), password: z.string().max(256) })).max(32),
  post: z.object({ text: z.string().max(3_000), author: z.string().max(253) }).optional(),
});

/** What the page needs to show the demo. */
export type DemoSettings = z.infer<typeof demoSchema>;

/** Reads the demo; null when there is none (yet), or the file is not what it should be. */
export async function readDemo(path: string | null): Promise<DemoSettings | null> {
  if (path === null) return null;
  try {
    return demoSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}
