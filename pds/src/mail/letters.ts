/**
 * What the mails say: one short letter for each purpose of a code and for each thing that was done, as text and as simple HTML with the same words.
 * No images and no links, so that nothing in them can be mistaken for a trap; the code is what they are for.
 * Not here: sending (`mailer.ts`). Source: ours; subjects as the reference PDS.
 */
import type { CodePurpose } from './code-store.ts';

/** A letter before it has a receiver. */
export interface Letter {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Words {
  readonly subject: string;
  readonly what: string;
  readonly warning: string;
}

const words: Readonly<Record<CodePurpose, Words>> = {
  confirm_email: {
    subject: 'Email Confirmation',
    what: 'This code confirms that your e-mail address is yours.',
    warning: 'If you did not ask for it, you need not do anything.',
  },
  update_email: {
    subject: 'Email Update Requested',
    what: 'This code lets you give your account another e-mail address.',
    warning: 'If you did not ask for it, somebody may know your password: change it.',
  },
  reset_password: {
    subject: 'Password Reset Requested',
    what: 'This code lets you choose a new password.',
    warning: 'If you did not ask for it, you need not do anything: your password is as it was.',
  },
  delete_account: {
    subject: 'Account Deletion Requested',
    what: 'This code, together with your password, deletes your account with everything in it. It cannot be undone.',
    warning: 'If you did not ask for it, somebody may know your password: change it, and give this code to nobody.',
  },
  plc_operation: {
    subject: 'PLC Update Operation Requested',
    what: 'This code lets you change your identity, for example to move your account to another server.',
    warning: 'Whoever has it can take your account away for good. If you did not ask for it, change your password, and give this code to nobody.',
  },
};

/** Gives the letter that carries a code. */
export function codeLetter(purpose: CodePurpose, { code, handle }: { code: string; handle: string }): Letter {
  const { subject, what, warning } = words[purpose];
  const lines = [`Hello @${handle},`, what];
  const life = 'It holds for fifteen minutes.';
  return {
    subject,
    text: `${[...lines, code, life, warning].join('\n\n')}\n`,
    html: [...lines.map(paragraph), `<p><code style="font-size: 1.5em">${escapeHtml(code)}</code></p>`, paragraph(life), paragraph(warning)].join('\n'),
  };
}

/** Something that was done to an account. */
export type Happening =
  | { readonly kind: 'passwordChanged'; readonly isOperators: boolean; readonly passkeys: number; readonly appPasswords: number }
  | { readonly kind: 'credentialsRevoked' }
  | { readonly kind: 'emailChanged'; readonly isOperators: boolean };

/** Gives the letter that tells of something. It has no name in it that whoever did it could have chosen. */
export function happeningLetter(happening: Happening, handle: string): Letter {
  const { subject, lines } = happeningWords(happening);
  const all = [`Hello @${handle},`, ...lines];
  return { subject, text: `${all.join('\n\n')}\n`, html: all.map(paragraph).join('\n') };
}

function happeningWords(happening: Happening): { subject: string; lines: readonly string[] } {
  switch (happening.kind) {
    case 'passwordChanged': {
      const left = [counted(happening.passkeys, 'passkey'), counted(happening.appPasswords, 'app password')].filter((each) => each !== null);
      return {
        subject: 'Password Changed',
        lines: [
          happening.isOperators ? 'The operator of your server gave your account a new password.' : 'Your password was changed with a code from your mail.',
          'Every app and browser was signed out.',
          ...(left.length > 0 ? [`Still good: ${left.join(' and ')}. Take back what is not yours: passkeys on the security page of your server, app passwords in the settings of your app.`] : []),
          'If this was not you, somebody reads your mail or has your server at hand: write to its operator.',
        ],
      };
    }
    case 'emailChanged':
      return {
        subject: 'Email Changed',
        lines: [
          happening.isOperators ? 'The operator of your server gave your account another e-mail address.' : 'Your account was given another e-mail address.',
          'Letters about it no longer come here. If this was not you, somebody is in your account: write to the operator of your server at once.',
        ],
      };
    case 'credentialsRevoked':
      return {
        subject: 'Sign-In Revoked',
        lines: [
          'The operator of your server took every way into your account away: your password, app passwords, passkeys, your authenticator app and recovery codes. Every app and browser was signed out.',
          'What you wrote is untouched. To get in again, ask for a new password where you sign in; a code comes to this address. Then set up passkeys and your authenticator app anew.',
        ],
      };
  }
}

/** Gives a count with its noun, or null for none. */
function counted(count: number, noun: string): string | null {
  return count === 0 ? null : `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Gives a letter an operator wrote, whose contents may be HTML. */
export function operatorLetter({ subject, content }: { subject: string; content: string }): Letter {
  return { subject, text: plain(content), html: content };
}

function paragraph(text: string): string {
  return `<p>${escapeHtml(text)}</p>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Gives what is left of HTML without its tags, for readers that show none. */
function plain(html: string): string {
  const text = html.replaceAll(/<(?:br|\/p|\/div|\/li|\/h\d)[^>]*>/gi, '\n').replaceAll(/<[^>]*>/g, '');
  return text.replaceAll('&nbsp;', ' ').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
