/**
 * `dunlin admin pds invite …`: make, list and disable invite codes.
 * Not for who may invite (`account …`). The work is done by the PDS's admin methods.
 * Source: ours.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { didOf } from './account-commands.ts';
import type { AdminPds, Row } from './session.ts';

interface InviteCode {
  readonly code: string;
  readonly available: number;
  readonly disabled: boolean;
  readonly forAccount: string;
  readonly createdAt: string;
  readonly uses: readonly unknown[];
}

const pageLength = 500;

/** Adds the commands. */
export function addInviteCommands(parent: Command, open: () => AdminPds): void {
  const invite = parent.command('invite').description('invite codes');
  invite.command('create').description('make invite codes').option('--count <n>', 'how many', parseCount, 1)
    .option('--uses <n>', 'how many accounts each may make', parseCount, 1).option('--for <account>', 'give them to an account')
    .action(async (given: { count: number; uses: number; for?: string }) => create(open(), given));
  invite.command('list').description('list invite codes, the newest first').action(async () => list(open()));
  invite.command('disable').description('disable codes').argument('<codes...>').action(async (codes: string[]) => {
    const pds = open();
    await pds.post('com.atproto.admin.disableInviteCodes', { codes });
    pds.tell(`disabled ${codes.length}`, { disabled: codes });
  });
}

async function create(pds: AdminPds, given: { count: number; uses: number; for?: string }): Promise<void> {
  const forAccounts = given.for === undefined ? undefined : [await didOf(pds, given.for)];
  const input = { codeCount: given.count, useCount: given.uses, ...(forAccounts && { forAccounts }) };
  const { codes } = await pds.post<{ codes: { codes: string[] }[] }>('com.atproto.server.createInviteCodes', input);
  for (const code of codes.flatMap((each) => each.codes)) pds.tell(code, { code });
}

async function list(pds: AdminPds): Promise<void> {
  const rows: Row[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await pds.get<{ codes: InviteCode[]; cursor?: string }>('com.atproto.admin.getInviteCodes', { limit: pageLength, cursor });
    rows.push(...page.codes.map(({ code, available, disabled, forAccount, createdAt, uses }) => ({ code, uses: uses.length, available, disabled, for: forAccount, made: createdAt })));
    cursor = page.cursor;
    if (cursor === undefined || page.codes.length < pageLength) break;
  }
  pds.table(rows);
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number, 1 or more');
  return value;
}
