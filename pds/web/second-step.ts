/**
 * The page of the second step: a code or a passkey, then back to where the person was signing in.
 * Which of the two there are is the server's word; whose step it is, too.
 * Source: ours.
 */
import { AnswerError, ask, button, element, field, form, sentence, show } from './page.ts';
import { hasPasskeys, showPasskey } from './passkey.ts';

interface Step {
  readonly handle: string;
  readonly totp: boolean;
  readonly recoveryCodes: boolean;
  readonly passkey: unknown;
}

const from = new URLSearchParams(location.search).get('from') ?? '/account';

async function finish(proof: Readonly<Record<string, unknown>>): Promise<void> {
  const isRemembered = document.querySelector<HTMLInputElement>('input[name=remember]')?.checked === true;
  const { next } = (await ask('/account/second-step/finish', { body: { ...proof, from, remember: isRemembered } })) as { next: string };
  location.replace(next);
}

async function passkeyStep(first: unknown): Promise<void> {
  // A challenge is good once: after a try that failed a new one is needed.
  let options: unknown = first;
  const page = document.getElementById('passkey');
  page?.replaceChildren(button('Use a passkey', { id: 'use-passkey' }, async () => {
    const challenge = options ?? ((await ask('/account/second-step/begin', { body: {} })) as Step).passkey;
    options = null;
    await finish({ passkey: await showPasskey(challenge) });
  }));
}

async function begin(): Promise<void> {
  const step = (await ask('/account/second-step/begin', { body: {} })) as Step;
  const hasCodes = step.totp || step.recoveryCodes;
  const label = step.totp ? 'Code of your authenticator app, or a recovery code' : 'Recovery code';
  show(
    element('p', {}, 'You are signing in as ', element('strong', {}, `@${step.handle}`), '.'),
    step.passkey !== null && hasPasskeys() ? element('p', { id: 'passkey' }) : null,
    hasCodes ? form({ id: 'code-form' }, ({ code }) => finish({ code }), field(label, { name: 'code', autocomplete: 'one-time-code', autofocus: true, maxlength: '64' }), element('button', {}, 'Go on')) : null,
    element('label', { class: 'check' }, element('input', { type: 'checkbox', name: 'remember' }), 'Remember this account on this device'),
  );
  if (step.passkey !== null && hasPasskeys()) await passkeyStep(step.passkey);
}

begin().catch((fault: unknown) => {
  const isOver = fault instanceof AnswerError && fault.error === 'SignInAgain';
  show(element('p', { role: 'alert' }, isOver ? 'This sign-in took too long.' : sentence(fault)), element('p', {}, element('a', { href: from.startsWith('/oauth/authorize?') ? from : '/account' }, 'Sign in again')));
});
