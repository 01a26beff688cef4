/**
 * The security page: a fresh sign-in, then second factors, app passwords, sessions and the recovery key of one account.
 * The session it begins is kept in this page only and ended when the person leaves by the button; closing the page forgets it.
 * Source: ours; methods app.dunlin.account.* and com.atproto.*.
 */
import { AnswerError, ask, button, element, field, form, show } from './page.ts';
import { hasPasskeys, showPasskey } from './passkey.ts';
import { appPasswordPart, recoveryKeyPart, sessionPart } from './account-parts.ts';
import { passkeyPart, recoveryCodePart, signInCodePart, totpPart, type FactorView } from './factor-parts.ts';

/** Who is signed in on this page. */
export interface Session {
  readonly did: string;
  readonly handle: string;
  readonly accessJwt: string;
  readonly refreshJwt: string;
}

/** Asks a method in the name of whoever is signed in. */
export type Call = (nsid: string, body?: unknown) => Promise<unknown>;

interface Password {
  readonly identifier: string;
  readonly password: string;
}

async function signIn(password: Password, authFactorToken?: string): Promise<void> {
  const session = await ask('/xrpc/com.atproto.server.createSession', { body: { ...password, ...(authFactorToken !== undefined && { authFactorToken }) } });
  await showAccount(session as Session);
}

/** The password first; when a factor is owed, its page comes next. */
function showSignIn(): void {
  show(form({ id: 'sign-in' }, async ({ identifier, password }) => {
    try {
      await signIn({ identifier, password });
    } catch (fault) {
      if (!(fault instanceof AnswerError) || fault.error !== 'AuthFactorTokenRequired') throw fault;
      showFactor({ identifier, password });
    }
  },
  element('p', {}, 'Sign in once more to change how your account is kept safe.'),
  field('Handle or e-mail address', { name: 'identifier', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', autofocus: true }),
  field('Password', { name: 'password', type: 'password', autocomplete: 'current-password' }),
  element('button', {}, 'Sign in')));
}

function showFactor(password: Password): void {
  const withPasskey = async (): Promise<void> => {
    const { options } = (await ask('/xrpc/app.dunlin.account.startPasskeyCheck', { body: password })) as { options: unknown };
    const answer = await showPasskey(options);
    const { authFactorToken } = (await ask('/xrpc/app.dunlin.account.finishPasskeyCheck', { body: { ...password, answer } })) as { authFactorToken: string };
    await signIn(password, authFactorToken);
  };
  show(
    element('p', {}, 'Your second factor, please.'),
    hasPasskeys() ? element('p', {}, button('Use a passkey', { id: 'use-passkey' }, withPasskey)) : null,
    form({ id: 'code-form' }, ({ code }) => signIn(password, code), field('Code of your authenticator app, or a recovery code', { name: 'code', autocomplete: 'one-time-code', maxlength: '64', autofocus: true }), element('button', {}, 'Go on')),
  );
}

async function showAccount(session: Session): Promise<void> {
  const call: Call = (nsid, body) => ask(`/xrpc/${nsid}`, { token: session.accessJwt, body });
  const read = (nsid: string): Promise<unknown> => ask(`/xrpc/${nsid}`, { token: session.accessJwt });
  const again = (): Promise<void> => showAccount(session);
  const [factors, appPasswords, sessions] = await Promise.all([read('app.dunlin.account.getFactors'), read('com.atproto.server.listAppPasswords'), read('app.dunlin.account.listSessions')]);
  const view = factors as FactorView;
  show(
    element('p', {}, 'Signed in as ', element('strong', {}, `@${session.handle}`), '. ', button('Leave', { class: 'quiet', id: 'leave' }, async () => {
      await ask('/xrpc/com.atproto.server.deleteSession', { body: undefined, token: session.refreshJwt });
      location.assign('/account');
    })),
    totpPart(view, call, again),
    passkeyPart(view, call, again),
    recoveryCodePart(view, call, again),
    signInCodePart(view, call),
    appPasswordPart(appPasswords, call, again),
    sessionPart(sessions, call, again),
    recoveryKeyPart(session, call, read),
  );
}

showSignIn();
