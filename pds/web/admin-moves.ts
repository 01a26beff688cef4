/**
 * The operator's view of moves into this server: where each comes from, how far it is and how fast; stopping one and letting it go on.
 * Source: ours; app.dunlin.admin.listMoves, stopMove and resumeMove.
 */
import { accountLink, bytes, moment, pagedList, row, section, type Operator } from './admin-parts.ts';
import { button, element, field, form } from './page.ts';

interface Move {
  readonly did: string;
  readonly handle: string;
  readonly origin?: string;
  readonly step: string;
  readonly state: string;
  readonly beganAt: string;
  readonly receivedBytes: number;
  readonly bytesPerSecond: number;
  readonly stop?: { readonly code: string; readonly message: string };
}

const pageLength = 50;

const stepTexts: Readonly<Record<string, string>> = {
  archive: 'the archive is brought', repo: 'records', blobs: 'files', preferences: 'preferences', identity: 'identity', activation: 'activation', farewell: 'farewell', done: 'done',
};
const stateTexts: Readonly<Record<string, string>> = {
  running: 'at work', inLine: 'in line', retrying: 'tries again', yourTurn: 'the person\'s turn', stopped: 'stopped', done: 'done',
};

/** Gives the view; `rest` "all" shows those that are done, too. */
export async function showMoves(operator: Operator, rest: string): Promise<HTMLElement[]> {
  const isAll = rest === 'all';
  const again = (): unknown => document.getElementById('view')?.dispatchEvent(new Event('again'));
  const list = await pagedList({ id: 'moves', empty: isAll ? 'Nobody has moved in.' : 'Nobody is moving in.' }, async (cursor) => {
    const { moves, ...page } = await operator.get<{ moves: readonly Move[]; cursor?: string }>('app.dunlin.admin.listMoves', { done: String(isAll), limit: pageLength, cursor });
    return { rows: moves.map((move) => moveRow(move, operator, again)), ...page };
  });
  return [section('move-list', isAll ? 'All moves into this server' : 'Moves into this server', list,
    element('p', {}, element('a', { href: isAll ? '#moves' : '#moves/all' }, isAll ? 'Only those that are not done' : 'Those that are done, too')))];
}

function moveRow({ did, handle, origin, step, state, beganAt, receivedBytes, bytesPerSecond, stop }: Move, operator: Operator, again: () => unknown): HTMLElement {
  const from = origin === undefined ? ' from an archive' : ` from ${new URL(origin).host}`;
  const pace = state === 'running' && receivedBytes > 0 ? `, ${bytes(receivedBytes)} so far, ${bytes(bytesPerSecond)} a second` : '';
  const words = state === 'done' ? 'done' : `${stepTexts[step] ?? step}: ${stateTexts[state] ?? state}${pace}`;
  const main = element('span', {}, accountLink(did, `@${handle}`), from, stop === undefined ? null : element('div', {}, stop.message));
  return row(main, `${words}; begun ${moment(beganAt)}`, ...actsOf({ did, state, stop }, operator, again));
}

function actsOf({ did, state, stop }: Pick<Move, 'did' | 'state' | 'stop'>, operator: Operator, again: () => unknown): HTMLElement[] {
  if (state === 'done') return [];
  if (stop?.code === 'StoppedByOperator') {
    return [button('Let it go on', { class: 'quiet' }, async () => {
      await operator.post('app.dunlin.admin.resumeMove', { did });
      again();
    })];
  }
  const place = element('span');
  place.append(button('Stop', { class: 'quiet' }, async () => {
    place.replaceChildren(form({ class: 'stop-move' }, async ({ reason = '' }) => {
      await operator.post('app.dunlin.admin.stopMove', { did, ...(reason.trim() !== '' && { reason }) });
      again();
    }, field('Reason, which the person is told', { name: 'reason', maxlength: '1000', required: false, autofocus: true }), element('button', { class: 'grave' }, 'Stop the move')));
    place.querySelector('input')?.focus();
  }));
  return [place];
}
