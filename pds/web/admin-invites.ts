/**
 * The operator's view of invite codes: make, list, disable.
 * Source: ours; com.atproto.server.createInviteCodes, com.atproto.admin.getInviteCodes and disableInviteCodes.
 */
import { button, element, field, form } from './page.ts';
import { accountLink, moment, pagedList, row, section, type Operator } from './admin-parts.ts';

interface InviteCode {
  readonly code: string;
  readonly available: number;
  readonly disabled: boolean;
  readonly forAccount: string;
  readonly createdAt: string;
  readonly uses: readonly { readonly usedBy: string }[];
}

const pageLength = 50;

/** Gives the view. */
export async function showInvites(operator: Operator): Promise<HTMLElement[]> {
  const made = element('pre', { id: 'made-codes' });
  const again = (): unknown => document.getElementById('view')?.dispatchEvent(new Event('again'));
  const list = await pagedList({ id: 'codes', empty: 'There are none.' }, async (cursor) => {
    const { codes, ...page } = await operator.get<{ codes: readonly InviteCode[]; cursor?: string }>('com.atproto.admin.getInviteCodes', { limit: pageLength, cursor });
    return { rows: codes.map((code) => codeRow(code, operator, again)), ...(page.cursor !== undefined && codes.length === pageLength && { cursor: page.cursor }) };
  });
  return [
    section('make-codes', 'Make invite codes', form({ id: 'create-codes' }, async ({ count, uses }) => {
      const { codes } = await operator.post<{ codes: readonly { codes: readonly string[] }[] }>('com.atproto.server.createInviteCodes', { codeCount: Number(count), useCount: Number(uses) });
      made.textContent = codes.flatMap((each) => each.codes).join('\n');
    }, field('How many', { name: 'count', type: 'number', min: '1', max: '100', value: '1' }), field('Accounts each may make', { name: 'uses', type: 'number', min: '1', max: '1000', value: '1' }), element('button', {}, 'Make'), made)),
    section('code-list', 'Invite codes', list),
  ];
}

function codeRow({ code, available, disabled, forAccount, createdAt, uses }: InviteCode, operator: Operator, again: () => unknown): HTMLElement {
  const owner = forAccount.startsWith('did:') ? accountLink(forAccount, forAccount) : forAccount;
  const users = uses.map(({ usedBy }) => element('div', {}, 'used by ', accountLink(usedBy, usedBy)));
  const main = element('span', {}, element('code', {}, code), ' for ', owner, ...users);
  const isOpen = !disabled && uses.length < available;
  return row(main, `${uses.length} of ${available} used, made ${moment(createdAt)}${disabled ? ', disabled' : ''}`, ...(isOpen ? [button('Disable', { class: 'quiet' }, async () => {
    await operator.post('com.atproto.admin.disableInviteCodes', { codes: [code] });
    again();
  })] : []));
}
