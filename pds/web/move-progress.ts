/**
 * A move under way: its steps, how far each is, what the person must do, and how to throw it away. The work is done by the server, so
 * the page may be closed; it looks again every second while it is open. What stands still keeps its place and its focus.
 * Source: ours; app.dunlin.move.getStatus and its neighbours.
 */
import { oldSignInForm } from './arrival-parts.ts';
import { identityPart } from './move-identity.ts';
import { sizeOf, type Again, type MoveStatus } from './move-status.ts';
import { button, counted, element, sentence, show } from './page.ts';
import { archivePart, signAgainPart } from './restore.ts';
import type { Session } from './sign-in.ts';

const lookEveryMs = 1_000;

const fromServer = ['repo', 'blobs', 'preferences', 'identity', 'activation', 'farewell'] as const;
const fromArchive = ['archive', 'identity', 'activation'] as const;

/** From these on the account lives here, and the move can no longer be thrown away. */
const lastSteps: readonly MoveStatus['step'][] = ['activation', 'farewell', 'done'];

const titles: Readonly<Record<Exclude<MoveStatus['step'], 'done'>, string>> = {
  archive: 'Your archive',
  repo: 'Posts and other records',
  blobs: 'Pictures and other files',
  preferences: 'Preferences',
  identity: 'Your identity',
  activation: 'In service here',
  farewell: 'Farewell to the old server',
};

/** Shows the move of whoever is signed in, and follows it. */
export async function showMove(session: Session): Promise<void> {
  const read = async (): Promise<MoveStatus> => (await session.read('app.dunlin.move.getStatus')) as MoveStatus;
  const first = await read();
  const list = element('ol', { class: 'steps' });
  const said = element('p', { role: 'status', id: 'said' });
  const turn = element('div', { id: 'turn' });
  const away = abandonPart(session);
  const intro = element('p', {}, 'Moving ', element('strong', {}, `@${first.handle}`), '. You may close this page and come back: sign in here with your new password.');
  show(intro, list, said, turn, away);
  let shown = '';
  const update = (status: MoveStatus): void => {
    fillSteps(list, status);
    const words = saidOf(status);
    if (said.textContent !== words) said.textContent = words;
    intro.hidden = status.state === 'done';
    away.hidden = lastSteps.includes(status.step);
    const kind = [status.step, status.state === 'stopped' || status.state === 'yourTurn' || status.state === 'done' ? status.state : '', status.stop?.message ?? ''].join(' ');
    // A document that is being looked at leaves the person's turn where it is.
    const isBeingLookedAt = status.step === 'identity' && status.state === 'running' && shown.startsWith('identity yourTurn');
    if (kind === shown || isBeingLookedAt) return;
    shown = kind;
    turn.replaceChildren(...turnOf(status, session, again));
  };
  const again: Again = async () => update(await read());
  update(first);
  follow(again, said, list);
}

/** Looks again and again while the page shows this move. */
function follow(again: Again, said: HTMLElement, list: HTMLElement): void {
  setTimeout(async () => {
    if (!list.isConnected) return;
    await again().catch((fault: unknown) => (said.textContent = `This page cannot see how far it is. ${sentence(fault)}. It looks again; if you closed the lid for long, reload and sign in.`));
    if (list.dataset['done'] !== 'true') follow(again, said, list);
  }, lookEveryMs);
}

function fillSteps(list: HTMLElement, status: MoveStatus): void {
  const steps: readonly Exclude<MoveStatus['step'], 'done'>[] = status.origin === undefined ? fromArchive : fromServer;
  const at = status.step === 'done' ? steps.length : steps.indexOf(status.step);
  list.dataset['done'] = String(status.step === 'done');
  const rows = steps.map((step, index) => {
    const state = index < at ? 'done' : index > at ? 'next' : status.state === 'stopped' ? 'stopped' : status.state === 'yourTurn' ? 'turn' : 'now';
    const word = { done: 'done', next: '', stopped: 'stopped', turn: 'your turn', now: status.state === 'inLine' ? 'waiting in line' : status.state === 'retrying' ? 'tries again' : 'under way' }[state];
    return { step, state, detail: [detailOf(step, status), word].filter((part) => part !== '').join(' · ') };
  });
  if (list.children.length !== rows.length) list.replaceChildren(...rows.map(({ step }) => element('li', { 'data-step': step }, element('span', {}, titles[step]), element('small'))));
  for (const [index, { state, detail }] of rows.entries()) {
    const row = list.children[index] as HTMLElement;
    row.dataset['state'] = state;
    if (state === 'now' || state === 'turn' || state === 'stopped') row.setAttribute('aria-current', 'step');
    else row.removeAttribute('aria-current');
    const small = row.querySelector('small');
    if (small && small.textContent !== detail) small.textContent = detail;
  }
}

function detailOf(step: MoveStatus['step'], { receivedBytes, records, expectedBlobs, importedBlobs, step: now }: MoveStatus): string {
  if (step === 'repo' && now === 'repo') return records > 0 ? counted(records, 'record') : sizeOf(receivedBytes);
  if ((step === 'repo' || step === 'archive') && now !== 'repo' && records > 0) return counted(records, 'record');
  if (step === 'blobs' && now !== 'repo' && expectedBlobs > 0) return `${importedBlobs.toLocaleString()} of ${expectedBlobs.toLocaleString()}`;
  return '';
}

function saidOf({ state, stop, handle }: MoveStatus): string {
  if (state === 'done') return `Done: @${handle} lives here now.`;
  if (state === 'retrying') return `${stop?.message ?? ''} It is tried again by itself.`;
  return state === 'inLine' ? 'Others are moving in just now; your turn comes by itself.' : '';
}

function turnOf(status: MoveStatus, session: Session, again: Again): HTMLElement[] {
  if (status.state === 'done') return [donePart(status)];
  if (status.state === 'stopped') return [stopPart(status, session, again)];
  if (status.state !== 'yourTurn') return [];
  return [status.step === 'archive' ? archivePart(session, again) : identityPart(status, session, again)];
}

function stopPart({ did, origin, step, stop }: MoveStatus, session: Session, again: Again): HTMLElement {
  const goOn = (label: string, id: string, body: object, quiet = false): HTMLElement => button(label, { id, ...(quiet && { class: 'quiet' }) }, async () => {
    await session.call('app.dunlin.move.goOn', body);
    await again();
  });
  const part = element('section', { id: 'stopped' }, element('h2', {}, 'It stopped here'), element('p', {}, stop?.message ?? 'The server was interrupted.'));
  if (stop?.code === 'OldSessionOver' && origin !== undefined) {
    part.append(oldSignInForm({ did, origin }, async (old) => {
      await session.call('app.dunlin.move.begin', { accessJwt: old.tokens.accessJwt, refreshJwt: old.tokens.refreshJwt });
      await again();
    }));
  } else if (stop?.code === 'OperationRefused') {
    part.append(signAgainPart(session, again));
  } else if (stop?.code === 'StoppedByOperator') {
    part.append(element('p', {}, 'Only the operator can let it go on: ask them.', lastSteps.includes(step) ? null : ' Or throw the move away: your old server is as it was until your identity is changed.'));
  } else {
    part.append(element('p', { class: 'choices' }, goOn('Try again', 'try-again', {}),
      stop?.code === 'FilesMissing' || (stop?.code === 'OldServerTooSlow' && step === 'blobs') ? goOn('Go on without them', 'go-without', { withoutMissing: true }, true) : null));
  }
  if (step === 'farewell') part.append(element('p', {}, 'You live here already. ', goOn('Finish without telling the old server', 'no-farewell', { withoutFarewell: true }, true)));
  return part;
}

function donePart({ origin }: MoveStatus): HTMLElement {
  return element('section', { id: 'arrived' }, element('h2', {}, 'Welcome'),
    element('p', {}, 'In your apps, sign in anew with your new password; where an app asks for the hosting provider, it is ', element('strong', {}, location.host), '.'),
    origin === undefined ? null : element('p', {}, `Your account at ${new URL(origin).host} is out of service. You can delete it there when you are sure that all is well; your identity lives here.`),
    element('p', {}, 'Next: ', element('a', { href: '/account/security' }, 'a second factor and a recovery key'), '.'));
}

function abandonPart(session: Session): HTMLElement {
  const place = element('p');
  const part = element('section', { id: 'away' }, element('h2', {}, 'Changed your mind?'),
    element('p', {}, 'Your account at the old server works as before until your identity is changed. What has come here is deleted.'), place);
  const ask = button('Throw this move away', { class: 'quiet', id: 'abandon' }, async () => {
    place.replaceChildren(button('Yes, delete what has come here', { class: 'grave', id: 'abandon-sure' }, async () => {
      await session.call('app.dunlin.move.abandon');
      show(element('p', { id: 'abandoned' }, 'Thrown away. Nothing of the move is left here, and your old account is as it was.'), element('p', {}, element('a', { href: '/account/move-in' }, 'Begin again')));
    }), ' ', button('No, keep it', { class: 'quiet' }, async () => place.replaceChildren(ask)));
    place.querySelector('button')?.focus();
  });
  place.append(ask);
  return part;
}
