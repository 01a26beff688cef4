/**
 * app.bsky.actor.getPreferences and putPreferences: what clients keep for an account, on its own server. Whoever names another app view
 * means that one's, and is passed on to it. The operator's moderation service may read anybody's.
 * Only that namespace is kept; every item says of what kind it is. Who sees which: `account/preference-rules.ts`.
 * Source: lexicons of those names; texts as the reference PDS.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isValidDid } from '@atproto/syntax';
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type LosableRight, type XrpcCall, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import { replacedPreferences, visiblePreferences, type PreferenceRights } from '../../account/preference-rules.ts';
import type { Preference, PreferenceStore } from '../../account/preference-store.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Authenticator, Caller } from '../auth.ts';

const namespace = 'app.bsky';

/** What these methods use. */
export interface PreferenceParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly preferences: PreferenceStore;
  readonly groups: GroupCommit;
  readonly clock: Clock;
  /** The app view these calls would go to, as `did#service`, whose scopes an OAuth client needs. */
  readonly audience: string;
}

/** Whose preferences are read, and by whom. */
type Reading = Partial<LosableRight> & PreferenceRights & { readonly account: Account };

/** Gives the methods. */
export function preferenceRoutes(o: PreferenceParts): XrpcRoute[] {
  const { auth, preferences, groups, clock, audience } = o;
  const mayRead = auth.access({ allowTakendown: true, oauth: (permissions) => permissions.requireRpc('app.bsky.actor.getPreferences', audience) });
  const isElsewhere = ({ 'atproto-proxy': named }: IncomingHttpHeaders): boolean => typeof named === 'string' && named !== '' && named !== audience;
  return [
    route<unknown, unknown, Reading>('app.bsky.actor.getPreferences', {
      isElsewhere,
      async auth(call) {
        if (await auth.isModerationService(call)) return { account: namedAccount(call, o.accounts), hasFullAccess: true };
        const caller = await mayRead(call);
        return { ...rightsOf(caller), account: caller.account, assertHolds: () => caller.assertHolds() };
      },
      handler: ({ auth: { account, hasFullAccess } }) => ({
        body: { preferences: visiblePreferences(preferences.list(account.id), { hasFullAccess, nowMs: clock.nowMs() }) },
      }),
    }),
    route<unknown, { preferences: readonly Readonly<Record<string, unknown>>[] }, Caller>('app.bsky.actor.putPreferences', {
      isElsewhere,
      auth: auth.access({ oauth: (permissions) => permissions.requireRpc('app.bsky.actor.putPreferences', audience) }),
      async handler({ input, auth: caller }) {
        const checked = input.preferences.map(checkPreference);
        const { id } = caller.account;
        await groups.write(() => preferences.replace(id, replacedPreferences(preferences.list(id), checked, rightsOf(caller))));
      },
    }),
  ];
}

/** Gives the account a moderation service asks about, by a parameter that the lexicon does not know. */
function namedAccount({ url }: Pick<XrpcCall, 'url'>, accounts: AccountStore): Account {
  const did = new URLSearchParams(url.split('?', 2)[1]).get('did') ?? '';
  if (!isValidDid(did)) throw invalidRequest('Invalid or missing did parameter');
  const account = accounts.byDid(did);
  if (account === null) throw invalidRequest('Repo not found', 'NotFound');
  return account;
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
