/**
 * The page that signs a device in with a passkey alone, and leads back to the sign-in page it was opened from.
 * Where that was stands in its address (`second-step-link.ts` puts it there); the server judges it anew.
 * Source: ours.
 */
import { ask, button, element, show } from './page.ts';
import { hasPasskeys, showPasskey } from './passkey.ts';

const given = new URLSearchParams(location.search).get('from');
const from = given?.startsWith('/oauth/authorize?') === true ? given : '/account';

async function signIn(): Promise<void> {
  const { options } = (await ask('/account/passkey-sign-in/begin', { body: {} })) as { options: unknown };
  const passkey = await showPasskey(options);
  const isRemembered = document.querySelector<HTMLInputElement>('input[name=remember]')?.checked === true;
  const { next } = (await ask('/account/passkey-sign-in/finish', { body: { passkey, from, remember: isRemembered } })) as { next: string };
  location.replace(next);
}

show(
  element('p', {}, 'A passkey you added on the security page signs you in without a password, when it asks for your face, your finger or a PIN.'),
  hasPasskeys() ? element('p', {}, button('Use a passkey', { id: 'use-passkey' }, signIn)) : element('p', { role: 'alert' }, 'This browser has none.'),
  element('label', { class: 'check' }, element('input', { type: 'checkbox', name: 'remember' }), 'Remember this account on this device'),
  element('p', {}, element('a', { href: from, id: 'back' }, 'With a password instead')),
);
