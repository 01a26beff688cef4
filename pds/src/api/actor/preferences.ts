/**
 * app.bsky.actor.getPreferences and putPreferences: what clients keep for an account, on its own server.
 * Only that namespace is kept; every item says of what kind it is.
 * Source: lexicons of those names; texts as the reference PDS.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Preference, PreferenceStore } from '../../account/preference-store.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Authenticator, Caller } from '../auth.ts';

const namespace = 'app.bsky';

/** Gives the methods. */
export function preferenceRoutes({ auth, preferences, groups }: { auth: Authenticator; preferences: PreferenceStore; groups: GroupCommit }): XrpcRoute[] {
  return [
    route<unknown, unknown, Caller>('app.bsky.actor.getPreferences', {
      auth: auth.access(),
      handler: ({ auth: { account } }) => ({ body: { preferences: preferences.list(account.id) } }),
    }),
    route<unknown, { preferences: readonly Readonly<Record<string, unknown>>[] }, Caller>('app.bsky.actor.putPreferences', {
      auth: auth.access(),
      async handler({ input, auth: { account } }) {
        const checked = input.preferences.map(checkPreference);
        await groups.write(() => preferences.replace(account.id, checked));
      },
    }),
  ];
}

function checkPreference(preference: Readonly<Record<string, unknown>>): Preference {
  const { $type } = preference;
  if (typeof $type !== 'string') throw invalidRequest('Preference is missing a $type');
  if ($type !== namespace && !$type.startsWith(`${namespace}.`)) throw invalidRequest('Some preferences are not in the app.bsky namespace');
  return { ...preference, $type };
}
