/**
 * Consumers that read and look at nothing, in a process of their own (stream-readers.ts), so that they do not hide the server.
 * Not a bench itself. Source: ours.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The readers of a bench. */
export class Readers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Opens a WebSocket for each path at a port of this machine; resolves when all are connected. */
  static async start(port: number, paths: readonly string[]): Promise<Readers> {
    const child = fork(join(import.meta.dirname, 'stream-readers.ts'), [String(port)], { execArgv: ['--no-warnings'] });
    child.send(paths);
    await once(child, 'message');
    return new Readers(child);
  }

  /** Bytes that came to all of them together. */
  async bytes(): Promise<number> {
    this.#child.send({});
    const [message] = await once(this.#child, 'message');
    return Number((message as { receivedBytes: number }).receivedBytes);
  }

  async close(): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }
}

/** So many times the same path. */
export function times(count: number, path: string): string[] {
  return Array.from({ length: count }, () => path);
}
