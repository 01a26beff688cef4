/**
 * The reference PDS as a process of its own, on a free port, with our PLC directory as its directory.
 * Needs what `./dunlin test peers` installs into tests/peers/.
 * Source: ours; the program is `@atproto/pds` from npm.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, temporaryFolder } from './temporary.ts';

const script = join(import.meta.dirname, '../peers/reference-pds.mjs');

export interface ReferencePds {
  /** http://localhost:PORT */
  url: string;
  process: ChildProcess;
  close(): Promise<void>;
}

/** Starts it; accounts get handles under `.test`, the admin password is `admin`. @throws when it does not come up in 30 s. */
export async function startReferencePds(options: { plc: string; environment?: Record<string, string> }): Promise<ReferencePds> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const child = spawn(process.execPath, [script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PDS_PORT: String(port),
      PDS_HOSTNAME: 'localhost',
      PDS_DATA_DIRECTORY: folder.path,
      PDS_BLOBSTORE_DISK_LOCATION: join(folder.path, 'blobs'),
      PDS_DID_PLC_URL: options.plc,
      PDS_JWT_SECRET: randomBytes(16).toString('hex'),
      PDS_ADMIN_PASSWORD: 'admin',
      PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: `7f${randomBytes(31).toString('hex')}`,
      PDS_SERVICE_HANDLE_DOMAINS: '.test',
      PDS_DEV_MODE: 'true',
      PDS_INVITE_REQUIRED: 'false',
      PDS_BSKY_APP_VIEW_URL: 'http://localhost:9',
      PDS_BSKY_APP_VIEW_DID: 'did:web:none.test',
      LOG_ENABLED: 'false',
      ...options.environment,
    },
  });
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await folder.remove();
  };
  try {
    return { url: await readyUrl(child), process: child, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error('the reference PDS did not come up in 30 s')), 30_000);
    child.once('exit', (code) => reject(new Error(`the reference PDS ended with ${code}`)));
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      if (!line.startsWith('{"ready"')) return;
      clearTimeout(deadline);
      lines.close();
      resolve((JSON.parse(line) as { url: string }).url);
    });
  });
}
