/**
 * Child processes of a service, both sides: the parent starts one and talks to it, the child runs until the parent says so
 * or is gone. Messages are plain objects over Node's channel; a socket may go along, to the child only.
 * The child does not heed SIGINT and SIGTERM, which a terminal or a supervisor sends to parent and children alike: the parent
 * drains and closes it. Not for what is said. Source: ours; exit codes as in run-main.ts.
 */
import { fork } from 'node:child_process';
import { Socket } from 'node:net';
import type { Logger } from '../log/logger.ts';

/** A child as its parent sees it. */
export interface ChildLink<ToChild extends object> {
  readonly pid: number;
  /** Sends a message, and a socket, which is no longer this process's afterwards. Nothing is sent to a child that is gone. */
  send(message: ToChild, socket?: Socket): void;
  /** Ends it at once. */
  kill(): void;
}

/** What a parent hears. */
export interface ChildListener<ToParent> {
  onMessage(message: ToParent): void;
  /** Told once, when the process is gone, however it ended. */
  onExit(cause: string): void;
}

/** Starts a file as a child process; the first message comes from the child. */
export function startChild<ToChild extends object, ToParent>(file: URL, listener: ChildListener<ToParent>): ChildLink<ToChild> {
  const child = fork(file, { execArgv: ['--no-warnings', '--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let isGone = false;
  /** Sockets that Node has not sent yet: it sends one at a time, and forgets those in line when the child ends. */
  const inLine = new Set<Socket>();
  const gone = (cause: string): void => {
    if (isGone) return;
    isGone = true;
    for (const socket of inLine) socket.destroy();
    closeUntaken(child);
    listener.onExit(cause);
  };
  child.on('message', (message) => {
    if (!isGone) listener.onMessage(message as ToParent);
  });
  child.once('exit', (code, signal) => gone(signal ?? `exit code ${code}`));
  child.once('error', (error) => {
    child.kill('SIGKILL');
    gone(error.message);
  });
  return {
    pid: child.pid ?? 0,
    send(message, socket) {
      if (isGone || !child.connected) return void socket?.destroy();
      if (socket === undefined) return void child.send(message, () => undefined);
      inLine.add(socket);
      child.send(message, socket, {}, () => {
        // Its handle is on its way, the object an empty shell.
        inLine.delete(socket);
        socket.destroy();
      });
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/**
 * Closes the socket that was sent and not taken. Node waits for the child's receipt before it lets go of its own copy, also
 * when the child has ended meanwhile, and its client would wait for ever; there is no public way to it.
 */
function closeUntaken(child: { readonly _pendingMessage?: { readonly handle?: { close(): void } } | null } | object): void {
  if ('_pendingMessage' in child) child._pendingMessage?.handle?.close();
}

/** The parent as a child sees it. */
export interface ParentLink<ToParent extends object> {
  send(message: ToParent): void;
}

/** What a child does. */
export interface ChildService<ToChild, ToParent> {
  onMessage(message: ToChild, socket: Socket | null): void;
  /** What the parent is told of a fault that ends this process; null for nothing but the exit itself. */
  lastWord(error: unknown): ToParent | null;
}

/**
 * Runs this process as a child; what `start` gives hears the parent's messages. Ends at once when the parent is gone, since
 * nothing a child holds outlives it.
 */
export function runChild<ToChild, ToParent extends object>(log: Logger, start: (parent: ParentLink<ToParent>) => ChildService<ToChild, ToParent>): void {
  const onFatal = (error: unknown): void => {
    log.fatal({ err: error }, 'internal fault in a child process');
    const word = service?.lastWord(error) ?? null;
    if (word === null || !process.connected) process.exit(70);
    process.send?.(word, undefined, {}, () => process.exit(70));
  };
  let service: ChildService<ToChild, ToParent> | null = null;
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit(0));
  // A message that can no longer be sent is told by `disconnect`.
  const started = start({ send: (message) => void process.send?.(message, undefined, {}, () => undefined) });
  service = started;
  process.on('message', (message, socket) => started.onMessage(message as ToChild, socket instanceof Socket ? socket : null));
}

/** Ends this child process, its work done. */
export function endChild(): void {
  process.exit(0);
}
