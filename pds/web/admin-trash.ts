/**
 * The trash of blobs for the operator: which accounts have something in it, what exactly and until when; the way back, and the end at once.
 * An account that was deleted can still be named, and its blobs removed, but nothing can be given back to it.
 * Source: ours; app.dunlin.admin.reviewBlobTrash, listBlobTrash, restoreBlobs, purgeBlobs.
 */
import { AnswerError, button, element, form, field } from './page.ts';
import { accountLink, bytes, count, moment, pagedList, row, section, type Operator } from './admin-parts.ts';

interface TrashAccount {
  readonly did: string;
  readonly handle?: string;
  readonly blobs: number;
  readonly bytes: number;
  readonly firstRemoveAt: string;
}

interface TrashBlob {
  readonly cid: string;
  readonly mimeType: string;
  readonly size: number;
  readonly removeAt: string;
  readonly takedownRef?: string;
}

interface Change {
  readonly done: number;
  readonly failed: readonly { readonly cid: string; readonly reason: string }[];
  readonly cursor?: string;
}

const pageLength = 100;

/** Gives the accounts that have something in the trash, and the way to empty it. */
export async function trashPart(operator: Operator): Promise<HTMLElement> {
  const list = await pagedList({ id: 'trash-accounts', empty: 'It is empty.' }, async (cursor) => {
    const page = await review(operator, cursor);
    return { ...page, rows: page.accounts.map(accountRow) };
  });
  const isEmpty = list.querySelector('li') === null;
  return section('trash', 'Trash', element('p', {}, 'Blobs that no record names any more, and those of deleted accounts: nobody sees them, and their bytes go when their time is over. Until then they can be given back.'),
    list, isEmpty ? null : emptyForm(operator));
}

/** Gives what one account has in the trash; `did` may be of an account that is gone. */
export async function showTrashOf(operator: Operator, did: string): Promise<HTMLElement[]> {
  const handle = await handleOf(operator, did);
  const note = element('p', { role: 'status', id: 'trash-note' });
  const place = element('div');
  const read = async (): Promise<void> => {
    const list = await pagedList({ id: 'trash-blobs', empty: 'Nothing of this account is in the trash.' }, async (cursor) => {
      const page = await operator.get<{ blobs: readonly TrashBlob[]; cursor?: string }>('app.dunlin.admin.listBlobTrash', { did, cursor, limit: pageLength });
      return { ...page, rows: page.blobs.map((blob) => blobRow(blob, { canReturn: handle !== undefined, act })) };
    });
    place.replaceChildren(list, ...(list.querySelector('li') === null ? [] : [actsOnAll(handle !== undefined, act)]));
  };
  const act = async (verb: Verb, cids?: readonly string[]): Promise<void> => {
    const { done, failed } = await change(operator, { verb, did, ...(cids && { cids }) });
    note.textContent = `${verb === 'restore' ? 'Gave back' : 'Removed'} ${blobCount(done)}.${failed.length === 0 ? '' : ` ${blobCount(failed.length)} stayed: ${failed[0]?.reason ?? ''}.`}`;
    await read();
  };
  await read();
  return [section('trash-of', 'Trash', element('p', {}, 'Of ', handle === undefined ? element('code', {}, did) : accountLink(did, `@${handle}`),
    handle === undefined ? ', an account that is not here any more: nothing can be given back to it.' : '. What is given back has the grace of an upload until a record names it.'),
  place, note, element('p', {}, element('a', { href: '#blobs' }, 'All of the trash')))];
}

type Verb = 'restore' | 'purge';

function actsOnAll(canReturn: boolean, act: (verb: Verb) => Promise<void>): HTMLElement {
  let isSure = false;
  const purge = async (): Promise<void> => {
    if (!isSure) {
      isSure = true;
      throw new Error('This cannot be undone. Press again, if you mean it.');
    }
    await act('purge');
  };
  return element('p', { class: 'choices' }, canReturn ? button('Give all back', { id: 'restore-all' }, () => act('restore')) : null, button('Remove all for good', { id: 'purge-all', class: 'grave' }, purge));
}

function review(operator: Operator, cursor: string | undefined): Promise<{ accounts: readonly TrashAccount[]; cursor?: string }> {
  return operator.get('app.dunlin.admin.reviewBlobTrash', { cursor, limit: pageLength });
}

/** Gives the handle of an account, or undefined when it is not here. */
async function handleOf(operator: Operator, did: string): Promise<string | undefined> {
  try {
    return (await operator.get<{ handle: string }>('com.atproto.admin.getAccountInfo', { did })).handle;
  } catch (fault) {
    if (fault instanceof AnswerError && fault.error === 'NotFound') return undefined;
    throw fault;
  }
}

function accountRow({ did, handle, blobs, bytes: size, firstRemoveAt }: TrashAccount): HTMLElement {
  const link = element('a', { href: `#blobs/${encodeURIComponent(did)}` }, handle === undefined ? did : `@${handle}`);
  return row(link, `${blobCount(blobs)}, ${bytes(size)}, the first goes ${moment(firstRemoveAt)}${handle === undefined ? '; the account is gone' : ''}`);
}

function blobRow({ cid, mimeType, size, removeAt, takedownRef }: TrashBlob, { canReturn, act }: { canReturn: boolean; act: (verb: Verb, cids: readonly string[]) => Promise<void> }): HTMLElement {
  const note = `${mimeType}, ${bytes(size)}, goes ${moment(removeAt)}${takedownRef === undefined ? '' : '; taken down'}`;
  return row(element('code', {}, cid), note,
    ...(canReturn ? [button('Give back', { class: 'quiet' }, () => act('restore', [cid]))] : []),
    button('Remove', { class: 'quiet' }, () => act('purge', [cid])));
}

function emptyForm(operator: Operator): HTMLElement {
  const note = element('p', { role: 'status', id: 'emptied' });
  const made = form({ id: 'empty-trash' }, async ({ word }) => {
    if (word?.trim().toLowerCase() !== 'empty') throw new Error('Type the word empty, if you mean it.');
    let [done, failed, accounts] = [0, 0, 0];
    for (let cursor: string | undefined; ;) {
      const page = await review(operator, cursor);
      for (const { did } of page.accounts) {
        const answer = await change(operator, { verb: 'purge', did });
        [done, failed, accounts] = [done + answer.done, failed + answer.failed.length, accounts + 1];
        note.textContent = `Removed ${blobCount(done)} of ${count(accounts)} ${accounts === 1 ? 'account' : 'accounts'}.${failed === 0 ? '' : ` ${blobCount(failed)} stayed.`}`;
        if (!made.isConnected) return;
      }
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    made.replaceWith(note);
    if (failed === 0) document.getElementById('trash-accounts')?.replaceChildren();
  }, element('p', {}, 'Or remove everything in it for good, now. It cannot be undone.'), field('Type the word "empty"', { name: 'word', autocomplete: 'off' }), element('button', { class: 'grave' }, 'Empty the trash'), note);
  return made;
}

/** Does it call by call, until nothing is left that was named. */
async function change(operator: Operator, { verb, did, cids }: { verb: Verb; did: string; cids?: readonly string[] }): Promise<{ done: number; failed: Change['failed'] }> {
  let done = 0;
  const failed: Change['failed'][number][] = [];
  for (let cursor: string | undefined; ;) {
    const answer: Change = await operator.post<Change>(`app.dunlin.admin.${verb}Blobs`, { did, ...(cids && { cids }), ...(cursor !== undefined && { cursor }) });
    done += answer.done;
    failed.push(...answer.failed);
    cursor = answer.cursor;
    if (cursor === undefined) return { done, failed };
  }
}

function blobCount(value: number): string {
  return `${count(value)} ${value === 1 ? 'blob' : 'blobs'}`;
}
