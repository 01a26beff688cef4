/**
 * app.bsky.actor.getPreferences and putPreferences: what clients keep for an account, on its own server.
 * Only that namespace is kept; every item says of what kind it is. Who sees which: `account/preference-rules.ts`.
 * Source: lexicons of those names; texts as the reference PDS.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { replacedPreferences, visiblePreferences, type PreferenceRights } from '../../account/preference-rules.ts';
import type { Preference, PreferenceStore } from '../../account/preference-store.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Authenticator, Caller } from '../auth.ts';

const namespace = 'app.bsky';

/** Gives the methods; `audience` is the app view these calls would go to, as `did#service`, whose scopes an OAuth client needs. */
export function preferenceRoutes(o: { auth: Authenticator; preferences: PreferenceStore; groups: GroupCommit; clock: Clock; audience: string }): XrpcRoute[] {
  const { auth, preferences, groups, clock, audience } = o;
  return [
    route<unknown, unknown, Caller>('app.bsky.actor.getPreferences', {
      auth: auth.access({ allowTakendown: true, oauth: (permissions) => permissions.requireRpc('app.bsky.actor.getPreferences', audience) }),
      handler: ({ auth: caller }) => ({
        body: { preferences: visiblePreferences(preferences.list(caller.account.id), { ...rightsOf(caller), nowMs: clock.nowMs() }) },
      }),
    }),
    route<unknown, { preferences: readonly Readonly<Record<string, unknown>>[] }, Caller>('app.bsky.actor.putPreferences', {
      auth: auth.access({ oauth: (permissions) => permissions.requireRpc('app.bsky.actor.putPreferences', audience) }),
      async handler({ input, auth: caller }) {
        const checked = input.preferences.map(checkPreference);
        const { id } = caller.account;
        await groups.write(() => preferences.replace(id, replacedPreferences(preferences.list(id), checked, rightsOf(caller))));
      },
    }),
  ];
}

function rightsOf({ scope, permissions }: Caller): PreferenceRights {
  return { hasFullAccess: permissions === null && scope === 'com.atproto.access' };
}

function checkPreference(preference: Readonly<Record<string, unknown>>): Preference {
  const { $type } = preference;
  if (typeof $type !== 'string') throw invalidRequest('Preference is missing a $type');
  if ($type !== namespace && !$type.startsWith(`${namespace}.`)) throw invalidRequest('Some preferences are not in the app.bsky namespace');
  return { ...preference, $type };
}
