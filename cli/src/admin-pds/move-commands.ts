/**
 * `dunlin admin pds moves …`: accounts that are moving in, one of them, stopping it and letting it go on.
 * The work is done by the PDS's admin methods.
 * Source: ours.
 */
import type { Command } from 'commander';
import { systemClock } from '@dunlin/protocol/base/clock';
import { didOf } from './account-commands.ts';
import type { AdminPds, Row } from './session.ts';

interface Move {
  readonly did: string;
  readonly handle: string;
  readonly origin?: string;
  readonly step: string;
  readonly state: string;
  readonly beganAt: string;
  readonly changedAt: string;
  readonly bytesPerSecond: number;
  readonly stop?: { readonly code: string; readonly message: string };
}

const pageLength = 500;

/** Adds the commands. */
export function addMoveCommands(parent: Command, open: () => AdminPds): void {
  const moves = parent.command('moves').description('accounts that are moving in');
  moves.command('list').description('moves that are not done').option('--all', 'those that are done too')
    .action(async ({ all = false }: { all?: boolean }) => list(open(), all));
  moves.command('show').description('one move').argument('<account>', 'DID or handle').action(async (name: string) => show(open(), name));
  moves.command('stop').description('stop a move; its person is told').argument('<account>', 'DID or handle').option('--reason <text>', 'what the person is told')
    .action(async (name: string, { reason }: { reason?: string }) => {
      const pds = open();
      const did = await didOf(pds, name);
      await pds.post('app.dunlin.admin.stopMove', { did, ...(reason !== undefined && { reason }) });
      pds.tell(`the move of ${did} is stopped`, { did });
    });
  moves.command('resume').description('let a move go on that was stopped here').argument('<account>', 'DID or handle').action(async (name: string) => {
    const pds = open();
    const did = await didOf(pds, name);
    await pds.post('app.dunlin.admin.resumeMove', { did });
    pds.tell(`the move of ${did} goes on`, { did });
  });
}

async function list(pds: AdminPds, done: boolean): Promise<void> {
  const rows: Row[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await pds.get<{ moves: Move[]; cursor?: string }>('app.dunlin.admin.listMoves', { done, limit: pageLength, cursor });
    rows.push(...page.moves.map(({ did, handle, origin, step, state, beganAt, changedAt, bytesPerSecond, stop }) => ({
      did, handle, from: origin ?? 'archive', step, state, age: sinceOf(beganAt), idle: sinceOf(changedAt), pace: `${Math.round(bytesPerSecond / 1_000)} kB/s`, stop: stop?.code ?? null,
    })));
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  pds.table(rows);
}

async function show(pds: AdminPds, name: string): Promise<void> {
  const { move, ...rest } = await pds.get<{ move: Row }>('app.dunlin.admin.getMove', { account: await didOf(pds, name) });
  const all = { ...move, ...rest };
  pds.tell(JSON.stringify(all, null, 2), all);
}

/** Gives how long ago something was, in the largest unit that fits. */
function sinceOf(at: string): string {
  const seconds = Math.max(0, Math.round((systemClock.nowMs() - Date.parse(at)) / 1_000));
  for (const [unit, length] of [['d', 86_400], ['h', 3_600], ['min', 60]] as const) if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${seconds} s`;
}
