/**
 * The parts of the security page about second factors: authenticator app, passkeys, recovery codes, sign-in codes.
 * Each part is shown as things stand and asks for the page anew after a change.
 * Source: ours.
 */
import { askedButton, button, element, field, form } from './page.ts';
import { hasPasskeys, makePasskey } from './passkey.ts';
import type { Call } from './sign-in.ts';

/** What app.dunlin.account.getFactors gives. */
export interface FactorView {
  readonly totp: boolean;
  readonly passkeys: readonly { readonly id: string; readonly name: string; readonly createdAt: string; readonly usedAt?: string }[];
  readonly recoveryCodesLeft: number;
}

type Again = () => Promise<void>;

/** Gives a day as people write it. */
export function day(moment: string): string {
  return new Date(moment).toLocaleDateString();
}

/** The authenticator app. */
export function totpPart({ totp }: FactorView, call: Call, again: Again): HTMLElement {
  const place = element('div');
  const part = element('section', { id: 'totp' }, element('h2', {}, 'Authenticator app'), place);
  if (totp) {
    place.append(element('p', {}, 'Set up: its codes are asked for when you sign in.'), askedButton('Remove', { sure: 'Yes, remove the app', id: 'remove-totp' }, async () => {
      await call('app.dunlin.account.removeTotp');
      await again();
    }));
    return part;
  }
  place.append(element('p', {}, 'An app on your phone that shows a new code every half minute.'), button('Set up', { id: 'start-totp' }, async () => {
    const { secret, uri, qr } = (await call('app.dunlin.account.startTotp')) as { secret: string; uri: string; qr: string };
    place.replaceChildren(
      element('p', {}, 'Scan this with the app, or ', element('a', { href: uri }, 'open it here'), ', or type the secret.'),
      element('img', { class: 'qr', alt: 'QR code of the secret', src: `data:image/svg+xml,${encodeURIComponent(qr)}` }),
      element('p', {}, element('code', { id: 'totp-secret' }, secret)),
      form({ id: 'confirm-totp' }, async ({ code }) => {
        await call('app.dunlin.account.confirmTotp', { code });
        await again();
      }, field('Code the app shows', { name: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '16' }), element('button', {}, 'Confirm')),
    );
  }));
  return part;
}

/** Passkeys. */
export function passkeyPart({ passkeys }: FactorView, call: Call, again: Again): HTMLElement {
  const rows = passkeys.map(({ id, name, createdAt, usedAt }) => element('li', {},
    element('span', {}, name, ' ', element('small', {}, usedAt === undefined ? `added ${day(createdAt)}` : `last used ${day(usedAt)}`)),
    askedButton('Remove', { sure: 'Yes, remove it' }, async () => {
      await call('app.dunlin.account.removePasskey', { id });
      await again();
    })));
  const add = form({ id: 'add-passkey' }, async ({ name }) => {
    const { options } = (await call('app.dunlin.account.startPasskey')) as { options: unknown };
    await call('app.dunlin.account.finishPasskey', { name, answer: await makePasskey(options) });
    await again();
  }, field('Name of this device or key', { name: 'name', maxlength: '64' }), element('button', {}, 'Add a passkey'));
  return element('section', { id: 'passkeys' }, element('h2', {}, 'Passkeys'),
    element('p', {}, 'Your phone, your computer or a security key: shown after the password, or in its place when it asks for your face, your finger or a PIN.'),
    element('ul', {}, ...rows), hasPasskeys() ? add : element('p', {}, 'This browser has none.'));
}

/** Recovery codes. */
export function recoveryCodePart(view: FactorView, call: Call, again: Again): HTMLElement | null {
  if (!view.totp && view.passkeys.length === 0) return null;
  const place = element('div', {}, element('p', {}, view.recoveryCodesLeft === 0 ? 'You have none. If you lose your phone or key, you are locked out.' : `${view.recoveryCodesLeft} left.`));
  place.append(button(view.recoveryCodesLeft === 0 ? 'Make recovery codes' : 'Make new ones', { id: 'make-codes' }, async () => {
    const { codes } = (await call('app.dunlin.account.makeRecoveryCodes')) as { codes: readonly string[] };
    place.replaceChildren(element('p', {}, 'Each works once. They are shown this once: print them or write them down.'), element('pre', { id: 'recovery-codes' }, codes.join('\n')), button('I have kept them', { class: 'quiet' }, again));
  }));
  return element('section', { id: 'recovery' }, element('h2', {}, 'Recovery codes'), place);
}

/** A code for apps that cannot ask for a passkey. */
export function signInCodePart(view: FactorView, call: Call): HTMLElement | null {
  if (!view.totp && view.passkeys.length === 0) return null;
  const place = element('p', {}, 'An app asks for a code and you have only a passkey? Get one here; it works once, for five minutes.');
  return element('section', { id: 'sign-in-code' }, element('h2', {}, 'Sign in to an app'), place, button('Get a code', { id: 'get-code' }, async () => {
    const { code } = (await call('app.dunlin.account.makeSignInCode')) as { code: string };
    place.replaceChildren(element('code', { id: 'code' }, code));
  }));
}
