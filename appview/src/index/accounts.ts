/**
 * What the status of an account means for the index.
 * Not active (deactivated, suspended, taken down, …): rows stay, but nothing of the account counts or shows until it is active again.
 * Deleted: the rows go. Should the account come back, its repo comes as new commits, so any rev is new then.
 * Source: ours, see docs/decisions/0005-accounts-gone-and-back.md; statuses are those of com.atproto.sync.subscribeRepos#account.
 */
import type { IndexStore } from '../store/index-store.ts';
import type { ChangeList } from './change-list.ts';

/** Longest status that is kept, in characters: the stream may bring any text, those of the lexicon are shorter. */
const maxStatusLength = 64;

/**
 * Applies an #account event; inside the indexer's transaction. Of an account that turns, `changes` only notes that it did:
 * what that means is worked out once a batch (`tellTurned`), however often it turned.
 */
export function applyAccountStatus(store: IndexStore, event: { readonly did: string; readonly isActive: boolean; readonly status: string | null }, changes: ChangeList): void {
  const id = store.accounts.idOf(event.did);
  const before = store.accounts.find(event.did);
  const status = event.isActive ? 'active' : (event.status ?? 'inactive').slice(0, maxStatusLength);
  if (before?.status === status && before.isVisible === event.isActive) return;
  store.accounts.setStatus(id, status, event.isActive);
  if (event.isActive) store.accounts.setHandleDue(id);
  if (before?.isVisible !== event.isActive) changes.turned.set(id, event.did);
  if (status !== 'deleted') return;
  noteEverything(store, id, { did: event.did, isVisible: false }, changes);
  changes.turned.delete(id);
  removeEverything(store, id);
}

/** Notes what the accounts that turned in a batch mean for everybody else; called once, at its end. */
export function tellTurned(store: IndexStore, changes: ChangeList): void {
  for (const [id, did] of changes.turned) noteEverything(store, id, { did, isVisible: store.accounts.find(did)?.isVisible ?? true }, changes);
  changes.turned.clear();
}

function noteEverything(store: IndexStore, id: number, { did, isVisible }: { readonly did: string; readonly isVisible: boolean }, changes: ChangeList): void {
  for (const { uri } of store.reactions.subjectsOf(id)) changes.subject(uri);
  changes.add({ kind: 'account', did, isVisible, rooms: store.messages.roomsOf(id) });
}

function removeEverything(store: IndexStore, id: number): void {
  store.reactions.removeAll(id);
  store.messages.removeAll(id);
  store.rooms.removeAll(id);
  store.accounts.setRev(id, null);
}
