/**
 * The security page: a fresh sign-in, then second factors, app passwords, sessions and the recovery key of one account.
 * The session it begins is kept in this page only and ended when the person leaves by the button; closing the page forgets it.
 * Source: ours; methods app.dunlin.account.* and com.atproto.*.
 */
import { button, element, show } from './page.ts';
import { showSignIn, type Call, type Session } from './sign-in.ts';
import { appPasswordPart, recoveryKeyPart, sessionPart } from './account-parts.ts';
import { passkeyPart, recoveryCodePart, signInCodePart, totpPart, type FactorView } from './factor-parts.ts';

async function showAccount(session: Session): Promise<void> {
  const call: Call = (nsid, body) => session.call(nsid, body);
  const again = (): Promise<void> => showAccount(session);
  const [factors, appPasswords, sessions] = await Promise.all(['app.dunlin.account.getFactors', 'com.atproto.server.listAppPasswords', 'app.dunlin.account.listSessions'].map((nsid) => session.read(nsid)));
  const view = factors as FactorView;
  show(
    element('p', {}, 'Signed in as ', element('strong', {}, `@${session.handle}`), '. ', button('Sign out', { class: 'quiet', id: 'leave' }, async () => {
      await session.leave();
      location.assign('/account');
    })),
    totpPart(view, call, again),
    passkeyPart(view, call, again),
    recoveryCodePart(view, call, again),
    signInCodePart(view, call),
    appPasswordPart(appPasswords, call, again),
    sessionPart(sessions, { own: session.id, call, again }),
    recoveryKeyPart(session, call),
    element('section', { id: 'elsewhere' }, element('h2', {}, 'Your account elsewhere'),
      element('p', {}, element('a', { href: '/account/export' }, 'Download everything'), ' you have here, ', element('a', { href: '/account/move-out' }, 'move to another server'), ', or ', element('a', { href: '/account/move-in' }, 'bring an account here'), '.')),
  );
}

showSignIn({ intro: [element('p', {}, 'Sign in once more to change how your account is kept safe.')], next: showAccount });
