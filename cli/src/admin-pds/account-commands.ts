/**
 * `dunlin admin pds account …` and `codes`: list, show, make, take down, put out of service, rename, reset, write to, delete.
 * An account is named by DID, handle or e-mail address.
 * Source: ours; the work is done by the PDS's admin methods.
 */
import type { Command } from 'commander';
import { toBase32 } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { changeTrash } from './blob-trash.ts';
import type { AdminPds, Row } from './session.ts';

interface AccountInfo {
  readonly did: string;
  readonly handle: string;
  readonly email?: string;
  readonly emailConfirmedAt?: string;
  readonly indexedAt: string;
  readonly deactivatedAt?: string;
}

interface ListedAccount {
  readonly did: string;
  readonly handle: string;
  readonly email?: string;
  readonly state: string;
  readonly createdAt: string;
}

const pageLength = 100;
const passwordBytes = 15;

/** Adds the commands. */
export function addAccountCommands(parent: Command, open: () => AdminPds): void {
  const account = parent.command('account').description('accounts of this server');
  account.command('list').description('list accounts, the newest first').option('--search <text>', 'only those whose handle, address or DID contains this').option('--email <text>', 'the same')
    .option('--state <state>', 'only those that are active, deactivated or takendown')
    .action(async (given: { search?: string; email?: string; state?: string }) => list(open(), given.search ?? given.email, given.state));
  account.command('info').description('show one account').argument('<account>', 'DID, handle or e-mail address')
    .action(async (name: string) => info(open(), name));
  account.command('create').description('make an account; prints its password when you give none').argument('<handle>')
    .option('--email <address>').option('--password <password>').option('--recovery-key <did:key>', 'its own rotation key, above the server\'s')
    .action(async (handle: string, given: NewAccount) => create(open(), handle, given));
  account.command('takedown').description('take an account down').argument('<account>').option('--ref <text>', 'what you keep it under')
    .action(async (name: string, { ref }: { ref?: string }) => setTakedown(open(), name, { applied: true, ...(ref !== undefined && { ref }) }));
  account.command('untakedown').description('lift a takedown').argument('<account>')
    .action(async (name: string) => setTakedown(open(), name, { applied: false }));
  account.command('rename').description('give an account another handle').argument('<account>').argument('<handle>')
    .action(async (name: string, handle: string) => change(open(), name, 'com.atproto.admin.updateAccountHandle', (did) => ({ did, handle }), `is @${handle} now`));
  account.command('set-email').description('give an account another e-mail address').argument('<account>').argument('<address>')
    .action(async (name: string, email: string) => change(open(), name, 'com.atproto.admin.updateAccountEmail', (did) => ({ account: did, email }), `has the address ${email} now, not confirmed`));
  account.command('reset-password').description('give an account a new password, and print it').argument('<account>')
    .action(async (name: string) => resetPassword(open(), name));
  account.command('revoke').description('take every way in away: sessions, password, app passwords, passkeys, authenticator app').argument('<account>')
    .action(async (name: string) => change(open(), name, 'com.atproto.temp.revokeAccountCredentials', (did) => ({ account: did }), 'has no way in now until its password is reset; passkeys and apps are to be set up anew'));
  account.command('delete').description('delete an account with everything in it, for good').argument('<account>').requiredOption('--yes', 'say that you mean it')
    .option('--purge-blobs', 'remove its blobs at once, without their time in the trash')
    .action(async (name: string, { purgeBlobs }: { purgeBlobs?: true }) => remove(open(), name, purgeBlobs ?? false));
  addServiceCommands(account, open);
  parent.command('codes').description('read out the codes that were sent and still hold').argument('[account]', 'only those sent to this one')
    .action(async (name: string | undefined) => codes(open(), name));
}

/** Commands that put an account in or out of service, or out of its own way. */
function addServiceCommands(account: Command, open: () => AdminPds): void {
  const repo = (did: string): object => ({ $type: 'com.atproto.admin.defs#repoRef', did });
  const update = (input: object) => (did: string): object => ({ subject: repo(did), ...input });
  const [status, invites] = ['com.atproto.admin.updateSubjectStatus', (did: string): object => ({ account: did })];
  account.command('deactivate').description('put an account out of service until it comes back by itself or by you').argument('<account>')
    .action(async (name: string) => change(open(), name, status, update({ deactivated: { applied: true } }), 'is deactivated'));
  account.command('activate').description('put an account in service again').argument('<account>')
    .action(async (name: string) => change(open(), name, status, update({ deactivated: { applied: false } }), 'is active'));
  account.command('disable-invites').description('let an account have no more invite codes').argument('<account>')
    .action(async (name: string) => change(open(), name, 'com.atproto.admin.disableAccountInvites', invites, 'gets no more invite codes'));
  account.command('enable-invites').description('let it have invite codes again').argument('<account>')
    .action(async (name: string) => change(open(), name, 'com.atproto.admin.enableAccountInvites', invites, 'gets invite codes again'));
  account.command('remove-factors').description('remove every second factor of an account, for a person who lost them; make sure who asks').argument('<account>')
    .action(async (name: string) => change(open(), name, 'app.dunlin.admin.removeFactors', (did) => ({ did }), 'has no second factor now; its password still holds'));
  account.command('mail').description('send a letter to an account').argument('<account>').argument('<text>').option('--subject <text>')
    .action(async (name: string, content: string, { subject }: { subject?: string }) => mail(open(), name, { content, ...(subject !== undefined && { subject }) }));
}

interface NewAccount {
  readonly email?: string;
  readonly password?: string;
  readonly recoveryKey?: string;
}

/** Gives the DID an account is named by. */
export async function didOf(pds: AdminPds, name: string): Promise<string> {
  if (name.startsWith('did:')) return name;
  if (!name.includes('@') || name.startsWith('@')) return (await pds.get<{ did: string }>('com.atproto.identity.resolveHandle', { handle: name.replace('@', '') })).did;
  const { accounts } = await pds.get<{ accounts: AccountInfo[] }>('com.atproto.admin.searchAccounts', { email: name });
  const found = accounts.find(({ email }) => email === name.toLowerCase());
  if (found === undefined) throw new Error(`no account has this address: ${name}`);
  return found.did;
}

/** Gives every account of the server, page by page. */
export async function* allAccounts(pds: AdminPds, email = ''): AsyncGenerator<AccountInfo, void, undefined> {
  for (let cursor: string | undefined; ;) {
    const page = await pds.get<{ accounts: AccountInfo[]; cursor?: string }>('com.atproto.admin.searchAccounts', { email, limit: pageLength, cursor });
    yield* page.accounts;
    cursor = page.cursor;
    if (cursor === undefined) return;
  }
}

async function list(pds: AdminPds, q: string | undefined, state: string | undefined): Promise<void> {
  const rows: Row[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await pds.get<{ accounts: ListedAccount[]; cursor?: string }>('app.dunlin.admin.listAccounts', { q, state, cursor, limit: pageLength });
    rows.push(...page.accounts.map(({ did, handle, email, createdAt, state: status }) => ({ did, handle, email: email ?? null, made: createdAt, status })));
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  pds.table(rows);
}

async function info(pds: AdminPds, name: string): Promise<void> {
  const { account, state, ...others } = await pds.get<{ account: AccountInfo; state: string }>('app.dunlin.admin.getAccount', { account: await didOf(pds, name) });
  const all = { ...account, status: state, ...others };
  pds.tell(JSON.stringify(all, null, 2), all);
}

async function mail(pds: AdminPds, name: string, letter: { content: string; subject?: string }): Promise<void> {
  const did = await didOf(pds, name);
  const { sent } = await pds.post<{ sent: boolean }>('com.atproto.admin.sendEmail', { recipientDid: did, senderDid: did, ...letter });
  if (!sent) throw new Error('the server has no mail server: see PDS_EMAIL_SMTP_URL');
  pds.tell(`${did} was sent a letter`, { did, sent });
}

async function create(pds: AdminPds, handle: string, given: NewAccount): Promise<void> {
  const password = given.password ?? newPassword();
  const { inviteCodeRequired } = await pds.get<{ inviteCodeRequired?: boolean }>('com.atproto.server.describeServer');
  const invite = inviteCodeRequired ? await pds.post<{ code: string }>('com.atproto.server.createInviteCode', { useCount: 1 }) : null;
  const { email, recoveryKey } = given;
  const { did } = await pds.post<{ did: string }>('com.atproto.server.createAccount', {
    handle, password, ...(email !== undefined && { email }), ...(recoveryKey !== undefined && { recoveryKey }), ...(invite && { inviteCode: invite.code }),
  });
  pds.tell(`made @${handle}\n  did       ${did}\n  password  ${given.password === undefined ? password : '(as given)'}`, { did, handle, ...(given.password === undefined && { password }) });
}

async function setTakedown(pds: AdminPds, name: string, takedown: { applied: boolean; ref?: string }): Promise<void> {
  const did = await didOf(pds, name);
  await pds.post('com.atproto.admin.updateSubjectStatus', { subject: { $type: 'com.atproto.admin.defs#repoRef', did }, takedown });
  pds.tell(`${did} is ${takedown.applied ? 'taken down' : 'no longer taken down'}`, { did, takedown });
}

async function change(pds: AdminPds, name: string, nsid: string, input: (did: string) => object, what: string): Promise<void> {
  const did = await didOf(pds, name);
  await pds.post(nsid, input(did));
  pds.tell(`${did} ${what}`, { did });
}

async function remove(pds: AdminPds, name: string, isPurging: boolean): Promise<void> {
  const did = await didOf(pds, name);
  await change(pds, did, 'com.atproto.admin.deleteAccount', () => ({ did }), 'is deleted');
  if (isPurging) await changeTrash(pds, did, [], 'purge');
}

async function resetPassword(pds: AdminPds, name: string): Promise<void> {
  const [did, password] = [await didOf(pds, name), newPassword()];
  await pds.post('com.atproto.admin.updateAccountPassword', { did, password });
  pds.tell(`${did} has a new password, and must sign in again\n  password  ${password}`, { did, password });
}

async function codes(pds: AdminPds, name: string | undefined): Promise<void> {
  const { codes: found } = await pds.get<{ codes: Row[] }>('app.dunlin.admin.listMailCodes', { account: name === undefined ? undefined : await didOf(pds, name) });
  pds.table(found);
}

function newPassword(): string {
  return toBase32(randomBytes(passwordBytes)).replaceAll(/(.{6})(?=.)/g, '$1-');
}
