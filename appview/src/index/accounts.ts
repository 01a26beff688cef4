/**
 * What the status of an account means for the index.
 * Not active (deactivated, suspended, taken down, …): rows stay, but nothing of the account counts or shows until it is active again.
 * Deleted: the rows go. Should the account come back, its repo comes as new commits, so any rev is new then.
 * Source: ours, see docs/decisions/0005-accounts-gone-and-back.md; statuses are those of com.atproto.sync.subscribeRepos#account.
 */
import type { IndexStore } from '../store/index-store.ts';
import type { ChangeList } from './change-list.ts';

/** Applies an #account event; inside the indexer's transaction. */
export function applyAccountStatus(store: IndexStore, event: { readonly did: string; readonly isActive: boolean; readonly status: string | null }, changes: ChangeList): void {
  const id = store.accounts.idOf(event.did);
  const before = store.accounts.find(event.did);
  const status = event.isActive ? 'active' : (event.status ?? 'inactive');
  if (before?.status === status && before.isVisible === event.isActive) return;
  store.accounts.setStatus(id, status, event.isActive);
  if (event.isActive) store.accounts.setHandleDue(id);
  if (before?.isVisible !== event.isActive || status === 'deleted') noteEverything(store, id, event, changes);
  if (status === 'deleted') removeEverything(store, id);
}

function noteEverything(store: IndexStore, id: number, event: { readonly did: string; readonly isActive: boolean }, changes: ChangeList): void {
  for (const { uri } of store.reactions.subjectsOf(id)) changes.subject(uri);
  for (const uri of store.rooms.urisOf(id)) changes.add({ kind: 'room', uri });
  changes.add({ kind: 'account', did: event.did, isVisible: event.isActive, rooms: store.messages.roomsOf(id) });
}

function removeEverything(store: IndexStore, id: number): void {
  store.reactions.removeAll(id);
  store.messages.removeAll(id);
  store.rooms.removeAll(id);
  store.accounts.setRev(id, null);
}
