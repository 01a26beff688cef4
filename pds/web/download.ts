/**
 * The button that downloads everything of an account.
 * The download is a form with a ticket that is good once, since a browser shows no session when it downloads.
 * Source: ours; app.dunlin.account.makeArchiveTicket.
 */
import { button, element } from './page.ts';
import type { Session } from './sign-in.ts';

/** A button that begins the download. */
export function downloadButton(session: Session): HTMLElement {
  return button('Download everything', { id: 'download' }, async () => {
    const { ticket } = (await session.call('app.dunlin.account.makeArchiveTicket')) as { ticket: string };
    const form = element('form', { method: 'post', action: '/account/export/archive' }, element('input', { type: 'hidden', name: 'ticket', value: ticket }));
    form.hidden = true;
    document.body.append(form);
    form.submit();
    form.remove();
  });
}
