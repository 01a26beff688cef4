/**
 * Acts of an operator that change a data directory while no server runs on it: a restore, an import, mending blobs. They leave the same
 * kind of row as acts that a running server was asked for, in the database they work on, named by the command.
 * Not for acts by HTTP (`api/admin/acts.ts`). Source: ours.
 */
import type { AuditLog } from './audit-log.ts';

/** Who works at the shell, in words: user and machine. */
export interface ShellActor {
  readonly agent: string;
}

/** What an act is to be remembered as. */
export interface ShellAct extends ShellActor {
  readonly atMs: number;
  /** The command, such as `restore`. */
  readonly command: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Runs a command on a database that nobody else writes to, and remembers it with what came of it. */
export async function rememberShellAct<T>(audit: AuditLog, act: ShellAct, work: () => Promise<T>): Promise<T> {
  const id = beginShellAct(audit, act);
  try {
    const result = await work();
    audit.finish(id, 200, '');
    return result;
  } catch (fault) {
    audit.finish(id, 500, fault instanceof Error ? fault.message : 'unknown');
    throw fault;
  }
}

/** Remembers that a command began; gives its number for `AuditLog.finish`. */
export function beginShellAct(audit: AuditLog, { atMs, agent, command, input }: ShellAct): number {
  return audit.begin({ atMs, actor: 'operator', address: 'shell', agent, method: `dunlin admin pds ${command}`, subject: null, input });
}
