/**
 * Parts that several ways of arriving share: signing in at the old server, and the fields of the account here.
 * Source: ours; com.atproto.server.createSession.
 */
import type { Home, ServerView } from './homes.ts';
import { AnswerError, ask, element, field, form } from './page.ts';
import { Session, type Tokens } from './sign-in.ts';

/** How fields for handles behave. */
export const handleSigns = { autocapitalize: 'none', spellcheck: 'false' } as const;

/** A form that signs in at the old server, with the second factor when one is owed. */
export function oldSignInForm(home: Pick<Home, 'did' | 'origin'>, then: (session: Session) => Promise<void> | void): HTMLElement {
  const token = field('Code your old server sent you, or of your authenticator app', { name: 'token', autocomplete: 'one-time-code', required: false, maxlength: '64' });
  token.hidden = true;
  return form({ id: 'old-sign-in' }, async ({ password, token: typed = '' }) => {
    try {
      const tokens = await ask(`${home.origin}/xrpc/com.atproto.server.createSession`, { body: { identifier: home.did, password, ...(typed.trim() !== '' && { authFactorToken: typed.trim() }) } });
      await then(new Session(tokens as Tokens, home.origin));
    } catch (fault) {
      if (!(fault instanceof AnswerError) || fault.error !== 'AuthFactorTokenRequired') throw fault;
      token.hidden = false;
      throw new Error('your old server asks for a second factor: type its code above', { cause: fault });
    }
  }, field('Password at your old server', { name: 'password', type: 'password', autocomplete: 'current-password', autofocus: true }), token, element('button', {}, 'Sign in there'));
}

/** The fields of an account here. */
export function newAccountFields({ handle, here }: { handle: string; here: ServerView }): HTMLElement[] {
  return [
    field(`New handle: a name under ${here.availableUserDomains.join(' or ')}, or your own domain`, { name: 'handle', ...handleSigns, autocomplete: 'username', value: handle, autofocus: true }),
    field('E-mail address', { name: 'email', type: 'email', autocomplete: 'email' }),
    field('New password, for this server', { name: 'password', type: 'password', autocomplete: 'new-password', minlength: '8' }),
    ...(here.inviteCodeRequired === true ? [field('Invite code', { name: 'inviteCode', autocomplete: 'off', ...handleSigns })] : []),
  ];
}

/** Gives what the fields say, as methods take it. */
export function newAccountOf({ handle = '', email, password, inviteCode = '' }: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  return { handle: handle.trim().replace(/^@/, '').toLowerCase(), email, password, ...(inviteCode.trim() !== '' && { inviteCode: inviteCode.trim() }) };
}

/** A name the old server gave becomes one of this server; a domain of the person's own stays. */
export function suggestHandle(handle: string, here: ServerView, theirDomains: readonly string[]): string {
  const domain = theirDomains.find((each) => handle.endsWith(each));
  if (handle === 'handle.invalid') return '';
  return domain === undefined ? handle : `${handle.slice(0, -domain.length)}${here.availableUserDomains[0] ?? ''}`;
}
