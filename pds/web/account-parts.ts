/**
 * The other parts of the security page: app passwords, password sessions, and a recovery key of one's own.
 * Apps that signed in by OAuth, devices, e-mail, password and leaving are on the account page.
 * Source: ours; com.atproto.server.*AppPassword*, com.atproto.identity.*PlcOperation*.
 */
import { keyChoice } from './key-choice.ts';
import { askedButton, button, codeMailed, element, field, form } from './page.ts';
import { day } from './factor-parts.ts';
import { programName } from './program-name.ts';
import type { Call, Session } from './sign-in.ts';

type Again = () => Promise<void>;

interface AppPassword {
  readonly name: string;
  readonly createdAt: string;
  readonly privileged?: boolean;
}

/** App passwords. */
export function appPasswordPart(list: unknown, call: Call, again: Again): HTMLElement {
  const { passwords } = list as { passwords: readonly AppPassword[] };
  const made = element('p', { role: 'status' });
  const row = ({ name, createdAt, privileged }: AppPassword): HTMLElement => element('li', {},
    element('span', {}, name, ' ', element('small', {}, `made ${day(createdAt)}${privileged === true ? ', may read messages' : ''}`)),
    askedButton('Take back', { sure: 'Yes, take it back' }, async () => {
      await call('com.atproto.server.revokeAppPassword', { name });
      await again();
    }));
  const rows = element('ul', {}, ...passwords.map(row));
  return element('section', { id: 'app-passwords' }, element('h2', {}, 'App passwords'),
    element('p', {}, 'For programs that cannot ask for a second factor. They can do less, and you can take each back.'), rows, made,
    form({ id: 'add-app-password' }, async ({ name, privileged }) => {
      const created = (await call('com.atproto.server.createAppPassword', { name, privileged: privileged === 'on' })) as AppPassword & { password: string };
      rows.append(row(created));
      made.replaceChildren('Shown this once: ', element('code', { id: 'app-password' }, created.password));
    }, field('Name of the program', { name: 'name', maxlength: '100' }), element('label', { class: 'check' }, element('input', { type: 'checkbox', name: 'privileged' }), 'May read and write direct messages'), element('button', {}, 'Make one')));
}

/** Sessions begun with a password; the one of this page, `own`, is ended by signing out. */
export function sessionPart(list: unknown, { own, call, again }: { own: string | null; call: Call; again: Again }): HTMLElement {
  const { sessions } = list as { sessions: readonly { id: string; appPassword?: string; agent?: string; beganAt: string; renewedAt: string }[] };
  const rows = sessions.map(({ id, appPassword, agent, beganAt, renewedAt }) => element('li', {},
    element('span', { title: agent ?? false }, appPassword ?? programName(agent), ' ', element('small', {}, `since ${day(beganAt)}, last seen ${day(renewedAt)}`)),
    id === own ? element('strong', { class: 'here' }, 'This one') : button('End', { class: 'quiet' }, async () => {
      await call('app.dunlin.account.endSession', { id });
      await again();
    })));
  return element('section', { id: 'sessions' }, element('h2', {}, 'Sessions begun with a password'), element('ul', {}, ...rows));
}

/** A recovery key of one's own. */
export function recoveryKeyPart(session: Session, call: Call): HTMLElement | null {
  const { did, handle } = session;
  if (!did.startsWith('did:plc:')) return null;
  const place = element('div', {}, element('p', {}, 'A key above this server\'s, kept by you alone: with it you can leave even if this server is gone or turns against you.'));
  place.append(...keyChoice({ did, handle }, (didKey) => {
    const code = form({ id: 'add-key' }, async ({ token }) => {
      const { rotationKeys } = (await session.read('app.dunlin.account.getRotationKeys')) as { rotationKeys: readonly string[] };
      const { operation } = (await call('com.atproto.identity.signPlcOperation', { token, rotationKeys: [didKey, ...rotationKeys.filter((key) => key !== didKey)] })) as { operation: unknown };
      await call('com.atproto.identity.submitPlcOperation', { operation });
      place.replaceChildren(element('p', { id: 'key-added' }, 'Done: ', element('code', {}, didKey), ' is now the first of your rotation keys.'));
    }, field('Code from the mail', { name: 'token', autocomplete: 'one-time-code' }), element('button', {}, 'Add the key'));
    code.hidden = true;
    const said = element('p', { role: 'status' });
    return [
      element('p', {}, button('I have kept it: mail me a code', { id: 'mail-code' }, async () => {
        await call('com.atproto.identity.requestPlcOperationSignature');
        said.textContent = codeMailed('this server');
        code.hidden = false;
      })), said, code,
    ];
  }));
  return element('section', { id: 'recovery-key-part' }, element('h2', {}, 'Recovery key'), place);
}
