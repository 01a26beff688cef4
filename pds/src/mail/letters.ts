/**
 * What the mails say: one short letter for each purpose, as text and as simple HTML with the same words.
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
