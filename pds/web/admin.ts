/**
 * The operator's page: a sign-in with the admin password, then views that the address names after its #.
 * The password is held in this page's memory alone: no cookie, no storage; closing or reloading the page forgets it.
 * Source: ours; methods com.atproto.admin.* and app.dunlin.admin.*.
 */
import { AnswerError, ask, button, element, field, form, sentence, show } from './page.ts';
import { showAccount } from './admin-account.ts';
import { showAccounts } from './admin-accounts.ts';
import { showInvites } from './admin-invites.ts';
import { showMoves } from './admin-moves.ts';
import { showOverview } from './admin-overview.ts';
import type { Operator } from './admin-parts.ts';
import { showActs, showBlobs, showCodes } from './admin-trail.ts';

type View = (operator: Operator, rest: string) => Promise<readonly (Node | string | null)[]>;

/** Views by name; the first is where one begins. */
const views: Readonly<Record<string, [title: string, view: View]>> = {
  overview: ['Overview', showOverview],
  accounts: ['Accounts', showAccounts],
  invites: ['Invites', showInvites],
  codes: ['Codes', showCodes],
  moves: ['Moves', showMoves],
  blobs: ['Blobs', showBlobs],
  acts: ['Acts', showActs],
};

function operatorOf(password: string): Operator {
  const basic = `admin:${password}`;
  return {
    async get<T>(nsid: string, params: Readonly<Record<string, string | number | undefined>> = {}) {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== '') query.set(name, String(value));
      return (await ask(`/xrpc/${nsid}?${query}`, { basic })) as T;
    },
    post: async <T>(nsid: string, input: object) => (await ask(`/xrpc/${nsid}`, { basic, body: input })) as T,
  };
}

function showSignIn(note: string | null): void {
  show(form({ id: 'sign-in' }, async ({ password }) => {
    const operator = operatorOf(password);
    try {
      await operator.get('app.dunlin.admin.getOverview');
    } catch (fault) {
      throw fault instanceof AnswerError && fault.error === 'AuthenticationRequired' ? new Error('That is not the admin password.') : fault;
    }
    begin(operator);
  },
  note === null ? null : element('p', { role: 'alert' }, note),
  element('p', {}, 'For the operator of this server. The password is PDS_ADMIN_PASSWORD, or the one in secrets.json of the data directory.'),
  element('input', { type: 'text', name: 'username', autocomplete: 'username', value: 'admin', hidden: true }),
  field('Admin password', { name: 'password', type: 'password', autocomplete: 'current-password', autofocus: true }),
  element('button', {}, 'Sign in')));
}

/** Shows the view the address names, and again whenever that changes, until the operator leaves. */
function begin(operator: Operator): void {
  const leaving = new AbortController();
  const place = element('div', { id: 'view' });
  const leave = (note: string | null): void => {
    leaving.abort();
    showSignIn(note);
  };
  const links = Object.entries(views).map(([name, [title]]) => element('a', { href: `#${name}` }, title));
  show(element('nav', {}, ...links, button('Leave', { class: 'quiet', id: 'leave' }, async () => leave(null))), place);
  let turn = 0;
  const turnTo = async (): Promise<void> => {
    const mine = ++turn;
    const [name = '', ...rest] = location.hash.slice(1).split('/');
    for (const link of links) link.toggleAttribute('aria-current', link.hash === `#${name === 'account' ? 'accounts' : name || 'overview'}`);
    place.inert = true;
    try {
      const view: View = name === 'account' ? showAccount : (views[name] ?? views['overview'] as [string, View])[1];
      const shown = await view(operator, decodeURIComponent(rest.join('/')));
      if (mine === turn) place.replaceChildren(...shown.filter((child) => child !== null));
    } catch (fault) {
      if (mine !== turn) return;
      if (fault instanceof AnswerError && fault.error === 'AuthenticationRequired') leave('The password no longer holds.');
      else place.replaceChildren(element('p', { role: 'alert', class: 'fault' }, sentence(fault)));
    } finally {
      if (mine === turn) place.inert = false;
    }
  };
  addEventListener('hashchange', () => void turnTo(), { signal: leaving.signal });
  place.addEventListener('again', () => void turnTo(), { signal: leaving.signal });
  void turnTo();
}

showSignIn(null);
