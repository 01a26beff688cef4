/**
 * The operator's view of one account: what there is to know, what can be done, and what was done before.
 * What cannot be taken back wants the handle typed. Source: ours; app.dunlin.admin.getAccount and the admin methods beside the acts.
 */
import { button, counted, element, field, form } from './page.ts';
import { accountLink, bytes, count, figures, moment, section, stateText, type Operator } from './admin-parts.ts';
import { actList } from './admin-trail.ts';

interface AccountInfo {
  readonly account: {
    readonly did: string; readonly handle: string; readonly email?: string; readonly emailConfirmedAt?: string; readonly indexedAt: string;
    readonly invitedBy?: { readonly forAccount: string }; readonly invites?: readonly { readonly code: string }[]; readonly invitesDisabled?: boolean;
  };
  readonly state: string;
  readonly takedownRef?: string;
  readonly deleteAfter?: string;
  readonly sessions: number;
  readonly oauthSessions: number;
  readonly appPasswords: number;
  readonly factors: { readonly totp: boolean; readonly passkeys: number; readonly recoveryCodes: number };
  readonly repo?: { readonly commit: string; readonly rev: string; readonly records: number; readonly blocks: number };
  readonly blobs: { readonly named: number; readonly missing: number; readonly unused: number; readonly unusedBytes: number };
}

/** What the parts of the view work with: the account, the server, and showing the view anew. */
interface Acting {
  readonly info: AccountInfo;
  readonly operator: Operator;
  readonly again: () => void;
}

/** Gives the view. */
export async function showAccount(operator: Operator, did: string): Promise<(HTMLElement | null)[]> {
  const info = await operator.get<AccountInfo>('app.dunlin.admin.getAccount', { account: did });
  const acts = await actList(operator, { subject: info.account.did, id: 'account-acts', isLong: false });
  const acting: Acting = { info, operator, again: () => document.getElementById('view')?.dispatchEvent(new Event('again')) };
  return [facts(info), standingPart(acting), passwordPart(acting), factorPart(acting), namePart(acting), invitePart(acting), letterPart(acting), missingPart(acting), deletionPart(acting), section('acts-on-it', 'What was done', acts)];
}

function facts({ account, state, takedownRef, deleteAfter, sessions, oauthSessions, appPasswords, factors, repo, blobs }: AccountInfo): HTMLElement {
  const address = account.email === undefined ? 'none' : `${account.email}${account.emailConfirmedAt === undefined ? ', not confirmed' : ', confirmed'}`;
  return section('facts', `@${account.handle}`, figures({
    DID: element('code', {}, account.did), State: `${stateText(state)}${takedownRef === undefined ? '' : `, under: ${takedownRef}`}${deleteAfter === undefined ? '' : `, to be deleted after ${moment(deleteAfter)}`}`,
    'E-mail': address, Here: `since ${moment(account.indexedAt)}`,
    'Invited by': account.invitedBy === undefined ? null : account.invitedBy.forAccount.startsWith('did:') ? accountLink(account.invitedBy.forAccount, account.invitedBy.forAccount) : account.invitedBy.forAccount,
    Sessions: `${sessions} by password, ${oauthSessions} of OAuth apps, ${appPasswords} app passwords`,
    'Second factors': factorText(factors),
    Repository: repo === undefined ? 'half imported' : `${count(repo.records)} records, rev ${repo.rev}`,
    Blobs: element('span', {}, `${count(blobs.named)} named by records, ${count(blobs.missing)} missing, ${count(blobs.unused)} unused (${bytes(blobs.unusedBytes)}); `, element('a', { href: `#blobs/${encodeURIComponent(account.did)}` }, 'its trash')),
  }));
}

function factorText({ totp, passkeys, recoveryCodes }: AccountInfo['factors']): string {
  if (!totp && passkeys === 0) return 'none';
  return [totp ? 'authenticator app' : null, passkeys > 0 ? `${passkeys} ${passkeys === 1 ? 'passkey' : 'passkeys'}` : null, `${recoveryCodes} recovery codes left`].filter((each) => each !== null).join(', ');
}

function standingPart({ info: { account: { did }, state }, operator, again }: Acting): HTMLElement {
  const update = async (change: object): Promise<void> => {
    await operator.post('com.atproto.admin.updateSubjectStatus', { subject: { $type: 'com.atproto.admin.defs#repoRef', did }, ...change });
    again();
  };
  if (state === 'takendown') return section('standing', 'Standing', element('p', {}, 'Taken down: nobody reads it, and it has no way in.'), button('Restore', { id: 'restore' }, () => update({ takedown: { applied: false } })));
  return section('standing', 'Standing',
    form({ id: 'take-down' }, ({ ref }) => update({ takedown: { applied: true, ...(ref !== '' && { ref }) } }),
      field('Take it down, kept under', { name: 'ref', required: false, maxlength: '200', placeholder: 'your case number' }), element('button', {}, 'Take down')),
    element('p', {}, state === 'active'
      ? button('Deactivate', { class: 'quiet', id: 'deactivate' }, () => update({ deactivated: { applied: true } }))
      : button('Activate', { class: 'quiet', id: 'activate' }, () => update({ deactivated: { applied: false } }))));
}

function passwordPart({ info: { account: { did } }, operator }: Acting): HTMLElement {
  const made = element('p');
  return section('password', 'Password', element('p', {}, 'A new one ends all sessions, and is shown this once.'),
    button('Give it a new password', { id: 'reset-password' }, async () => {
      const password = newPassword();
      await operator.post('com.atproto.admin.updateAccountPassword', { did, password });
      made.replaceChildren('The new password: ', element('code', { id: 'new-password' }, password));
    }), made,
    element('p', {}, button('Take all its ways in away', { class: 'quiet', id: 'revoke' }, async () => {
      await operator.post('com.atproto.temp.revokeAccountCredentials', { account: did });
      made.replaceChildren('It has no way in now: password, app passwords, passkeys and authenticator app are gone, every session has ended, and its address was told. A password reset lets it in again. Whoever reads its mail can do that: is the address right?');
    })));
}

/** Twenty letters and digits of base32, 100 bits. */
function newPassword(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567';
  return [...crypto.getRandomValues(new Uint8Array(20))].map((byte) => letters[byte % 32]).join('').replaceAll(/(.{5})(?=.)/g, '$1-');
}

function factorPart({ info: { account: { did }, factors }, operator, again }: Acting): HTMLElement | null {
  if (!factors.totp && factors.passkeys === 0) return null;
  return section('factors', 'Second factors', element('p', {}, 'For a person who lost phone, passkeys and recovery codes. Make sure that they are who they say; the password is still asked for.'),
    button('Remove all of them', { id: 'remove-factors' }, async () => {
      await operator.post('app.dunlin.admin.removeFactors', { did });
      again();
    }));
}

function namePart({ info: { account: { did, handle, email } }, operator, again }: Acting): HTMLElement {
  return section('names', 'Handle and address',
    form({ id: 'set-handle' }, async ({ handle: wanted }) => {
      await operator.post('com.atproto.admin.updateAccountHandle', { did, handle: wanted.trim() });
      again();
    }, field('Handle', { name: 'handle', value: handle, autocapitalize: 'none', spellcheck: 'false' }), element('button', {}, 'Change')),
    form({ id: 'set-email' }, async ({ email: wanted }) => {
      await operator.post('com.atproto.admin.updateAccountEmail', { account: did, email: wanted.trim() });
      again();
    }, field('E-mail address', { name: 'email', type: 'email', value: email ?? '' }), element('button', {}, 'Change')));
}

function invitePart({ info: { account: { did, invites = [], invitesDisabled = false } }, operator, again }: Acting): HTMLElement {
  const set = (nsid: string) => async (): Promise<void> => {
    await operator.post(nsid, { account: did });
    again();
  };
  return section('invites', 'Invites', element('p', {}, `${counted(invites.length, 'code')}${invitesDisabled ? '; it gets no more' : ''}.`), invitesDisabled
    ? button('Let it have invite codes', { class: 'quiet', id: 'enable-invites' }, set('com.atproto.admin.enableAccountInvites'))
    : button('Let it have no more', { class: 'quiet', id: 'disable-invites' }, set('com.atproto.admin.disableAccountInvites')));
}

function letterPart({ info: { account: { did, email } }, operator }: Acting): HTMLElement | null {
  if (email === undefined) return null;
  const note = element('p', { id: 'letter-note' });
  return section('letter', 'Write to it', form({ id: 'send-letter' }, async ({ subject, content }) => {
    const { sent } = await operator.post<{ sent: boolean }>('com.atproto.admin.sendEmail', { recipientDid: did, senderDid: did, content, ...(subject !== '' && { subject }) });
    note.textContent = sent ? 'Sent.' : 'Not sent: this server has no mail server.';
  }, field('Subject', { name: 'subject', required: false, maxlength: '500' }), element('label', {}, 'Letter', element('textarea', { name: 'content', rows: '5', required: true })), element('button', {}, 'Send'), note));
}

function missingPart({ info: { account: { did }, blobs }, operator, again }: Acting): HTMLElement | null {
  if (blobs.missing === 0) return null;
  const note = element('p');
  return section('missing', 'Missing blobs', element('p', {}, `Records name ${count(blobs.missing)} blobs that are not here.`),
    form({ id: 'fetch-missing' }, async ({ from }) => {
      let [cursor, fetched]: [string | undefined, number] = [undefined, 0];
      const failed: string[] = [];
      do {
        const answer: { fetched: number; failed: readonly { cid: string; reason: string }[]; cursor?: string } = await operator.post('app.dunlin.admin.fetchMissingBlobs', { did, from, ...(cursor !== undefined && { cursor }) });
        fetched += answer.fetched;
        failed.push(...answer.failed.map(({ cid, reason }) => `${cid}: ${reason}`));
        note.textContent = `Fetched ${count(fetched)}.`;
        cursor = answer.cursor;
      } while (cursor !== undefined);
      if (failed.length > 0) throw new Error(failed.slice(0, 5).join('; '));
      again();
    }, field('Server that still has them', { name: 'from', type: 'url', placeholder: 'https://old-pds.example.org' }), element('button', {}, 'Fetch them'), note));
}

function deletionPart({ info: { account: { did, handle } }, operator }: Acting): HTMLElement {
  return section('deletion', 'Delete', element('p', {}, 'The account goes with everything in it, for good.'),
    form({ id: 'delete-account' }, async ({ typed }) => {
      if (typed.trim().replace(/^@/, '') !== handle) throw new Error('That is not its handle.');
      await operator.post('com.atproto.admin.deleteAccount', { did });
      location.hash = 'accounts';
    }, field(`Type ${handle} to say that you mean it`, { name: 'typed', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' }), element('button', { class: 'grave' }, 'Delete the account')));
}
