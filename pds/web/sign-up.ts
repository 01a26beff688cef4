/**
 * The page that makes an account with what the provider's own sign-up does not offer: a recovery key from the start, and, where the
 * operator lets it, a did:web that this server writes. It leads back to the app's request it was opened from, or to the account page.
 * A key is made in this browser and shown once; the page goes on when the person says that they have it. It is shown too when the answer
 * is lost, since it may rule an account by then.
 * Source: ours.
 */
import { AnswerError, ask, button, element, field, form, sentence, show } from './page.ts';
import { madeKey } from './key-choice.ts';
import { makeRecoveryKey, type RecoveryKey } from './recovery-key.ts';

interface Offer {
  readonly domains: readonly string[];
  readonly inviteCodeRequired: boolean;
  readonly didWeb: boolean;
}

interface Made {
  readonly did: string;
  readonly handle: string;
  readonly next: string;
}

const given = new URLSearchParams(location.search).get('from');
const from = given?.startsWith('/oauth/authorize?') === true ? given : '/account';

async function signUp({ name = '', domain = '', identity, key, remember, ...rest }: Readonly<Record<string, string>>): Promise<void> {
  const didWeb = identity === 'web';
  const recoveryKey = key === 'on' && !didWeb ? await makeRecoveryKey() : null;
  const handle = `${name.trim().toLowerCase()}${domain}`;
  const made = (await ask('/account/sign-up/finish', {
    body: { ...rest, handle, didWeb, ...(recoveryKey && { recoveryKey: recoveryKey.didKey }), remember: remember === 'on', from },
  }).catch((fault: unknown) => {
    // No word of this server: its line broke, or what stands before it gave up waiting.
    if (recoveryKey === null || !(fault instanceof AnswerError) || !['Unreachable', 'Unknown'].includes(fault.error)) throw fault;
    showUnanswered(recoveryKey, handle);
    return null;
  })) as Made | null;
  if (made === null) return;
  if (recoveryKey === null) {
    location.replace(made.next);
    return;
  }
  show(element('p', { id: 'made' }, 'Your account is made: ', element('strong', {}, `@${made.handle}`), '. One more thing:'), ...madeKey(recoveryKey, made),
    element('p', {}, button('I have kept it: go on', { id: 'go-on' }, async () => location.replace(made.next))));
}

function showUnanswered(key: RecoveryKey, handle: string): void {
  show(element('p', { role: 'alert', id: 'unanswered' }, `No answer came, so nobody can say here whether the account @${handle} was made. If it was, this key rules it: keep it.`),
    ...madeKey(key, { did: 'not known yet', handle }),
    element('p', {}, 'Then see whether you can ', element('a', { href: from }, 'sign in'), '; if not, ', element('a', { href: location.href }, 'begin again'), ' with another key.'));
}

function identityPart(): HTMLElement {
  const key = element('label', { class: 'check' }, element('input', { type: 'checkbox', name: 'key' }), 'With a recovery key, kept by me');
  const choice = (value: string, label: string, note: string): HTMLElement => element('label', { class: 'check' },
    element('input', { type: 'radio', name: 'identity', value, checked: value === 'plc', change: () => void (key.hidden = value === 'web') }), element('span', {}, label, ' ', element('small', {}, note)));
  return element('fieldset', { id: 'identity' }, element('legend', {}, 'Identity'),
    choice('plc', 'In the public directory (did:plc).', 'For nearly everybody. You can leave this server and its name; with a recovery key you can also undo a theft, for three days.'),
    choice('web', 'At this server\'s name (did:web).', 'No directory, but it lives and ends with this domain: you can move your account elsewhere, but if the domain goes, so do you, with every follower. There is no recovery key.'),
    key);
}

function begin({ domains, inviteCodeRequired, didWeb }: Offer): void {
  const [only] = domains;
  show(
    form({ id: 'sign-up' }, signUp,
      field('Name', { name: 'name', autocomplete: 'off', autofocus: true, minlength: '3', maxlength: '64', spellcheck: 'false', autocapitalize: 'none' }),
      domains.length > 1
        ? element('label', {}, 'At', element('select', { name: 'domain' }, ...domains.map((domain) => element('option', {}, domain))))
        : element('label', {}, 'At', element('input', { name: 'domain', value: only ?? '', readonly: true })),
      field('E-mail address', { name: 'email', type: 'email', autocomplete: 'email' }),
      field('Password', { name: 'password', type: 'password', autocomplete: 'new-password', minlength: '8', maxlength: '256' }),
      inviteCodeRequired ? field('Invite code', { name: 'inviteCode', autocomplete: 'off' }) : null,
      didWeb ? identityPart() : element('label', { class: 'check' }, element('input', { type: 'checkbox', name: 'key' }), element('span', {}, 'With a recovery key, kept by me ', element('small', {}, 'It lets you leave even if this server is gone. It is made in this browser, and shown once.'))),
      element('label', { class: 'check' }, element('input', { type: 'checkbox', name: 'remember' }), 'Remember this account on this device'),
      element('button', {}, 'Make the account')),
    element('p', {}, element('a', { href: from, id: 'back' }, 'I have an account')),
  );
}

ask('/account/sign-up/begin', { body: {} }).then((offer) => begin(offer as Offer), (fault: unknown) => show(element('p', { role: 'alert' }, sentence(fault))));
