/**
 * `dunlin admin pds status`, `audit` and `takedown`: how the server does, what was done to it, and taking single records and blobs down.
 * Takedowns of whole accounts are `account takedown`. The work is done by the PDS's admin methods.
 * Source: ours.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { didOf } from './account-commands.ts';
import type { AdminPds, Row } from './session.ts';

interface Act {
  readonly at: string;
  readonly actor: string;
  readonly address: string;
  readonly method: string;
  readonly subject?: string;
  readonly input: unknown;
  readonly status?: number;
  readonly outcome?: string;
}

const pageLength = 500;

/** Adds the commands. */
export function addTrailCommands(parent: Command, open: () => AdminPds): void {
  parent.command('status').description('the state of the server, of its relays and of its mail server').action(async () => status(open()));
  parent.command('audit').description('what operators did, the newest first').argument('[account]', 'only what was done to this one')
    .option('--limit <n>', 'most acts shown', parseCount, 100)
    .action(async (name: string | undefined, { limit }: { limit: number }) => audit(open(), name, limit));
  parent.command('takedown').description('take a record or a blob down').argument('<subject>', 'at:// URI of a record, or DID of an account with --blob')
    .option('--blob <cid>', 'the blob').option('--ref <text>', 'what you keep it under').option('--lift', 'lift a takedown instead')
    .action(async (subject: string, given: { blob?: string; ref?: string; lift?: boolean }) => takedown(open(), subject, given));
}

async function status(pds: AdminPds): Promise<void> {
  const [overview, neighbours] = await Promise.all([pds.get<Row>('app.dunlin.admin.getOverview'), pds.get<Row>('app.dunlin.admin.getNeighbours')]);
  const all = { ...overview, ...neighbours };
  pds.tell(JSON.stringify(all, null, 2), all);
}

async function audit(pds: AdminPds, name: string | undefined, limit: number): Promise<void> {
  const subject = name === undefined ? undefined : await didOf(pds, name);
  const rows: Row[] = [];
  for (let cursor: string | undefined; rows.length < limit;) {
    const page = await pds.get<{ acts: Act[]; cursor?: string }>('app.dunlin.admin.listActs', { subject, cursor, limit: Math.min(pageLength, limit - rows.length) });
    rows.push(...page.acts.map((act) => ({
      at: act.at, who: act.actor, from: act.address, did: act.method, to: act.subject ?? null, status: act.status ?? null, outcome: act.outcome ?? null, input: act.input,
    })));
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  pds.table(rows);
}

async function takedown(pds: AdminPds, named: string, { blob, ref, lift = false }: { blob?: string; ref?: string; lift?: boolean }): Promise<void> {
  const attribute = lift ? { applied: false } : { applied: true, ...(ref !== undefined && { ref }) };
  const subject = blob === undefined ? await recordRef(pds, named) : { $type: 'com.atproto.admin.defs#repoBlobRef', did: await didOf(pds, named), cid: blob };
  await pds.post('com.atproto.admin.updateSubjectStatus', { subject, takedown: attribute });
  pds.tell(`${blob ?? named} is ${lift ? 'no longer taken down' : 'taken down'}`, { subject, takedown: attribute });
}

/** The method wants the record's CID, which the server knows. */
async function recordRef(pds: AdminPds, uri: string): Promise<object> {
  if (!uri.startsWith('at://')) throw new Error('name a record by its at:// URI, a blob by the DID of its account and --blob, an account with: account takedown');
  const { subject } = await pds.get<{ subject: object }>('com.atproto.admin.getSubjectStatus', { uri });
  return subject;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number, 1 or more');
  return value;
}
