/**
 * `dunlin admin pds rename-host NEW --from OLD`: gives every account's DID document the server's new name. Without --yes it only tells
 * what would be done. May be ended and repeated at any moment: what is done is not done twice.
 * Asks relays to read the new name at the end. Not for what is done to each account: that is the server's (decisions/0025).
 * Source: ours.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { systemClock } from '@dunlin/protocol/base/clock';
import type { AdminPds, Row } from './session.ts';

interface Given {
  readonly from: string;
  readonly handles?: boolean;
  readonly handleDomains?: HandleDomains;
  readonly perSecond: number;
  readonly yes?: boolean;
}

interface HandleDomains {
  readonly from: string;
  readonly to: string;
}

interface RenamedAccount {
  readonly did: string;
  readonly handle: string;
  readonly outcome: string;
  readonly newHandle?: string;
  readonly detail?: string;
}

/** Waits before a directory that did not answer is asked again, in ms; then it is given up. */
const retryWaitsMs = [1_000, 2_000, 4_000, 8_000, 16_000];

const sentences: Readonly<Record<string, string>> = {
  changed: 'is at the new name', wouldChange: 'would be moved to the new name', ownDocument: 'writes its DID document itself', unreachable: 'has a DID document of its own that does not answer', elsewhere: 'lives elsewhere',
  noKey: 'cannot be changed by this server', ended: 'has a DID that has ended', refused: 'was refused by the directory',
};

/** Adds the command. */
export function addRenameCommand(parent: Command, open: () => AdminPds): void {
  parent.command('rename-host').description('give every account\'s DID document the server\'s new host name (without --yes: tell what would be done)')
    .argument('<new>', 'host name the server runs under by now').requiredOption('--from <old>', 'host name it had before')
    .option('--handles', 'also move handles under .OLD to .NEW').option('--handle-domains <.old=.new>', 'also move handles from one domain to another', parseDomains)
    .option('--per-second <n>', 'accounts a second', parsePace, 5).option('--yes', 'do it')
    .action(async (to: string, given: Given) => rename(open(), to.toLowerCase(), given));
}

async function rename(pds: AdminPds, to: string, { from, handles = false, handleDomains, perSecond, yes = false }: Given): Promise<void> {
  const domains = handleDomains ?? (handles ? { from: `.${from.toLowerCase()}`, to: `.${to}` } : undefined);
  const input = { from, to, ...(domains && { handles: domains }), dryRun: !yes, perSecond, limit: Math.min(50, perSecond * 5) };
  const counts: Record<string, number> = {};
  let [cursor, failures]: [string | undefined, number] = [undefined, 0];
  do {
    const page: { accounts: readonly RenamedAccount[]; cursor?: string; fault?: string } = await pds.post('app.dunlin.admin.renameHost', { ...input, ...(cursor !== undefined && { cursor }) });
    for (const account of page.accounts) tell(pds, account, counts);
    cursor = page.cursor;
    if (page.fault === undefined) failures = 0;
    else await waitFor(page.fault, failures++);
  } while (cursor !== undefined);
  const total: Row = { from, to, dryRun: !yes, ...counts };
  pds.tell(`${yes ? 'done' : 'nothing was changed; with --yes it is done'}: ${Object.entries(counts).map(([outcome, count]) => `${outcome} ${count}`).join(', ') || 'no accounts'}`, total);
  if (yes) await askRelays(pds);
  if ((counts['unreachable'] ?? 0) > 0) throw new Error(`documents of ${counts['unreachable']} could not be read: see above, and repeat`);
  if ((counts['refused'] ?? 0) > 0) throw new Error(`${counts['refused']} were refused by the directory: see above, and repeat`);
}

function tell(pds: AdminPds, account: RenamedAccount, counts: Record<string, number>): void {
  const { did, handle, outcome, newHandle, detail } = account;
  counts[outcome] = (counts[outcome] ?? 0) + 1;
  if (outcome === 'done') return;
  const more = [newHandle === undefined ? null : `as @${newHandle}`, detail ?? null].filter((each) => each !== null).join('; ');
  pds.tell(`${did} @${handle} ${sentences[outcome] ?? outcome}${more === '' ? '' : `: ${more}`}`, { ...account });
}

async function waitFor(fault: string, failures: number): Promise<void> {
  const ms = retryWaitsMs[failures];
  if (ms === undefined) throw new Error(`${fault}; repeat the command to go on`);
  await systemClock.sleep(ms);
}

async function askRelays(pds: AdminPds): Promise<void> {
  if (pds.config.crawlers.length === 0) return;
  const { relays } = await pds.post<{ relays: readonly { relay: string; fault?: string }[] }>('app.dunlin.admin.requestCrawl', {});
  for (const { relay, fault } of relays) pds.tell(`${relay} ${fault === undefined ? 'was asked to read the new name' : `was not asked: ${fault}`}`, { relay, ...(fault !== undefined && { fault }) });
}

function parseDomains(text: string): HandleDomains {
  const [from = '', to = '', ...rest] = text.toLowerCase().split('=');
  if (rest.length > 0 || !from.startsWith('.') || !to.startsWith('.')) throw new InvalidArgumentError('must be two domains with leading dots, such as .old.example=.new.example');
  return { from, to };
}

function parsePace(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > 100) throw new InvalidArgumentError('must be a whole number from 1 to 100');
  return value;
}
