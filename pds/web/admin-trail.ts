/**
 * Three smaller views of the operator: codes that wait to be typed, accounts whose blobs are not right (with the trash), and what operators did.
 * Source: ours; app.dunlin.admin.listMailCodes, reviewBlobs, listActs.
 */
import { button, counted, element } from './page.ts';
import { showTrashOf, trashPart } from './admin-trash.ts';
import { accountLink, bytes, count, moment, pagedList, row, section, type Operator } from './admin-parts.ts';

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

interface BlobReview {
  readonly looked: number;
  readonly accounts: readonly { readonly did: string; readonly handle: string; readonly blobs: { readonly missing: number; readonly unused: number; readonly unusedBytes: number } }[];
  readonly cursor?: string;
}

const purposes: Readonly<Record<string, string>> = {
  confirm_email: 'to confirm the address', update_email: 'to change the address', reset_password: 'to reset the password', delete_account: 'to delete the account', plc_operation: 'to change the DID',
};

const pageLength = 50;

/** Gives the codes that were sent and still hold. */
export async function showCodes(operator: Operator): Promise<HTMLElement[]> {
  const { codes } = await operator.get<{ codes: readonly { did: string; handle: string; purpose: string; code: string; expiresAt: string }[] }>('app.dunlin.admin.listMailCodes');
  const rows = codes.map(({ did, handle, purpose, code, expiresAt }) => row(element('span', {}, element('code', {}, code), ' of ', accountLink(did, `@${handle}`)), `${purposes[purpose] ?? purpose}, until ${moment(expiresAt)}`));
  return [section('mail-codes', 'Codes that wait', element('p', {}, 'Sent by mail, or kept for you to read out when there is no mail server. Give a code only to whom it belongs.'),
    rows.length === 0 ? element('p', {}, 'There are none.') : element('ul', {}, ...rows))];
}

/** Gives the trash, and the review of blobs, which begins when it is asked for; with a DID the trash of that account. */
export async function showBlobs(operator: Operator, did: string): Promise<HTMLElement[]> {
  if (did !== '') return showTrashOf(operator, did);
  const [list, note] = [element('ul', { id: 'blob-faults' }), element('p')];
  const review = async (): Promise<void> => {
    list.replaceChildren();
    let [cursor, looked]: [string | undefined, number] = [undefined, 0];
    do {
      const page: BlobReview = await operator.get<BlobReview>('app.dunlin.admin.reviewBlobs', { cursor });
      looked += page.looked;
      list.append(...page.accounts.map(({ did, handle, blobs }) => row(accountLink(did, `@${handle}`), `${count(blobs.missing)} missing, ${count(blobs.unused)} named by no record (${bytes(blobs.unusedBytes)})`)));
      note.textContent = `Went through ${counted(looked, 'account')}; ${count(list.children.length)} of them are here.`;
      cursor = page.cursor;
    } while (cursor !== undefined && list.isConnected);
  };
  return [section('blob-review', 'Blobs', element('p', {}, 'Accounts with blobs that records name and that are not here, or with uploads that no record names. The latter go by themselves after their grace.'),
    button('Go through all accounts', { id: 'review' }, review), note, list), await trashPart(operator)];
}

/** Gives what operators did. */
export async function showActs(operator: Operator): Promise<HTMLElement[]> {
  return [section('trail', 'What operators did', await actList(operator, { id: 'acts', isLong: true }))];
}

/** Gives acts, on one subject or on all, the newest first. */
export function actList(operator: Operator, { id, subject, isLong }: { id: string; subject?: string; isLong: boolean }): Promise<HTMLElement> {
  return pagedList({ id, empty: 'Nothing yet.' }, async (cursor) => {
    const page = await operator.get<{ acts: readonly Act[]; cursor?: string }>('app.dunlin.admin.listActs', { subject, cursor, limit: isLong ? pageLength : 10 });
    return { ...page, rows: page.acts.map((act) => actRow(act, isLong)) };
  });
}

function actRow({ at, actor, address, method, subject, input, status, outcome }: Act, isLong: boolean): HTMLElement {
  const name = method.slice(method.lastIndexOf('.') + 1);
  const on = isLong && subject !== undefined ? [' on ', subject.startsWith('did:') ? accountLink(subject, subject) : subject] : [];
  const main = element('span', {}, element('strong', {}, name), ...on, element('details', {}, element('summary', {}, 'with'), element('pre', {}, JSON.stringify(input, null, 1))));
  const end = status === 200 ? '' : status === undefined ? ', its end is not known' : `, refused: ${outcome ?? status}`;
  return row(main, `${moment(at)}, ${actor} from ${address}${end}`);
}
