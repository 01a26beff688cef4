/**
 * Who sees and sets which preferences: the birth date is for the account's own password only; how old that makes a person is
 * worked out for everybody, and cannot be set. Pure functions over the stored list.
 * Not for storing (`preference-store.ts`). Source: behaviour of the reference PDS (personalDetailsPref, declaredAgePref).
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Preference } from './preference-store.ts';

const personalDetails = 'app.bsky.actor.defs#personalDetailsPref';
const declaredAge = 'app.bsky.actor.defs#declaredAgePref';

/** What a caller may see and set. */
export interface PreferenceRights {
  /** True for a session of the account's own password. */
  readonly hasFullAccess: boolean;
}

/** Gives what a caller sees of the stored preferences, with the age that follows from the birth date. */
export function visiblePreferences(stored: readonly Preference[], { hasFullAccess, nowMs }: PreferenceRights & { nowMs: number }): Preference[] {
  const birthDate = stored.find(({ $type }) => $type === personalDetails)?.['birthDate'];
  const age = typeof birthDate === 'string' ? ageOf(birthDate, nowMs) : null;
  const visible = stored.filter(({ $type }) => isAllowed($type, hasFullAccess));
  if (age === null) return visible;
  return [...visible, { $type: declaredAge, isOverAge13: age >= 13, isOverAge16: age >= 16, isOverAge18: age >= 18 }];
}

/** Gives the list to store when a caller puts one: what the caller cannot see stays. @throws XrpcError 400 when it may not set one of them */
export function replacedPreferences(stored: readonly Preference[], put: readonly Preference[], { hasFullAccess }: PreferenceRights): Preference[] {
  const forbidden = put.filter(({ $type }) => !isAllowed($type, hasFullAccess)).map(({ $type }) => $type);
  if (forbidden.length > 0) throw invalidRequest(`Do not have authorization to set preferences: ${forbidden.join(', ')}`);
  return [...stored.filter(({ $type }) => !isAllowed($type, hasFullAccess)), ...put.filter(({ $type }) => $type !== declaredAge)];
}

function isAllowed($type: string, hasFullAccess: boolean): boolean {
  return hasFullAccess || $type !== personalDetails;
}

/** Gives whole years since a date, or null when it is none. */
function ageOf(birthDate: string, nowMs: number): number | null {
  const bornMs = Date.parse(birthDate);
  if (Number.isNaN(bornMs)) return null;
  const [born, now] = [new Date(bornMs), new Date(nowMs)];
  const isBeforeBirthday = now.getUTCMonth() * 32 + now.getUTCDate() < born.getUTCMonth() * 32 + born.getUTCDate();
  return now.getUTCFullYear() - born.getUTCFullYear() - (isBeforeBirthday ? 1 : 0);
}
