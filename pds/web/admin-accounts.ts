/**
 * The operator's list of accounts: search by handle, address or DID, by state, the newest first.
 * Source: ours; app.dunlin.admin.listAccounts.
 */
import { element } from './page.ts';
import { accountLink, moment, pagedList, row, section, stateText, type Operator } from './admin-parts.ts';

interface ListedAccount {
  readonly did: string;
  readonly handle: string;
  readonly email?: string;
  readonly state: string;
  readonly createdAt: string;
}

const pageLength = 50;

/** Gives the view; what is looked for stands in the address, so that the way back finds it again. */
export async function showAccounts(operator: Operator, rest: string): Promise<HTMLElement[]> {
  const wanted = new URLSearchParams(rest);
  const [q, state] = [wanted.get('q') ?? '', wanted.get('state') ?? ''];
  const states = ['', 'active', 'deactivated', 'takendown'].map((each) => element('option', { value: each, selected: each === state }, each === '' ? 'any state' : stateText(each)));
  const search = element('form', {
    id: 'search', role: 'search',
    submit: (event) => {
      event.preventDefault();
      const given = new FormData(search);
      const next = new URLSearchParams();
      for (const name of ['q', 'state']) if (String(given.get(name) ?? '') !== '') next.set(name, String(given.get(name)));
      location.hash = `accounts/${encodeURIComponent(String(next))}`;
    },
  },
  element('label', {}, 'Part of a handle, an address or a DID', element('input', { name: 'q', type: 'search', value: q, autocapitalize: 'none', spellcheck: 'false' })),
  element('label', {}, 'State', element('select', { name: 'state' }, ...states)), element('button', {}, 'Look'));
  const list = await pagedList({ id: 'accounts', empty: 'No account is like that.' }, async (cursor) => {
    const page = await operator.get<{ accounts: readonly ListedAccount[]; cursor?: string }>('app.dunlin.admin.listAccounts', { q, state, cursor, limit: pageLength });
    return { ...page, rows: page.accounts.map(accountRow) };
  });
  return [section('account-list', 'Accounts', search, list)];
}

function accountRow({ did, handle, email, state, createdAt }: ListedAccount): HTMLElement {
  return row(accountLink(did, `@${handle}`), `${email ?? 'no address'}, since ${moment(createdAt)}`, element('small', { class: `state ${state}` }, stateText(state)));
}
