/**
 * com.atproto.temp.checkSignupQueue and checkHandleAvailability: what clients ask while somebody signs up.
 * There is no queue here. For a handle that cannot be had, a few that can are offered.
 * Source: lexicons of those names; the first as the reference PDS, which does not serve the second.
 */
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import { isEmail } from '../../account/email-rules.ts';
import type { IdentityChanges } from '../../identity/identity-changes.ts';
import type { HostedDids } from '../../identity/hosted-dids.ts';
import { judgeHandle, maxLabelLength, minLabelLength } from '../../account/handle-rules.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { fiveMinutesMs, type Limits } from '../limits.ts';

/** Most handles that are offered. */
const maxSuggestions = 5;

/** Gives the methods; `domains` are this server's, each with a leading dot, `hosts` its own names. */
export function signUpRoutes(o: { auth: Authenticator; accounts: AccountStore; hosted: Pick<HostedDids, 'isHeld'>; identityChanges: Pick<IdentityChanges, 'isHeld'>; domains: readonly string[]; hosts: readonly string[]; limits: Limits }): XrpcRoute[] {
  const isFree = (handle: string): boolean => judgeHandle(handle, o).kind === 'local' && o.accounts.byHandle(handle) === null
    && !o.hosted.isHeld(handle, null) && !o.identityChanges.isHeld(handle, null);
  return [
    route<unknown, unknown, Caller>('com.atproto.temp.checkSignupQueue', {
      auth: o.auth.access(),
      handler: () => ({ body: { activated: true } }),
    }),
    route<{ handle: string; email?: string; birthDate?: string }>('com.atproto.temp.checkHandleAvailability', {
      rateLimit: o.limits.perAddress([200, fiveMinutesMs]),
      handler({ params: { handle, email, birthDate } }) {
        if (email !== undefined && !isEmail(email)) throw invalidRequest('This email address is not supported, please use a different email.', 'InvalidEmail');
        const wanted = handle.toLowerCase();
        if (isFree(wanted)) return { body: { handle: wanted, result: { $type: `${availability}#resultAvailable` } } };
        const domain = o.domains.find((each) => wanted.endsWith(each)) ?? o.domains[0];
        if (domain === undefined) throw new XrpcError(400, 'UnsupportedDomain', 'Not a supported handle domain');
        const label = wanted.endsWith(domain) ? wanted.slice(0, -domain.length) : wanted.split('.', 1)[0] ?? '';
        const offered = candidates({ label, email, birthDate }).map(({ name, method }) => ({ handle: `${name}${domain}`, method }));
        const suggestions = offered.filter((each) => isFree(each.handle)).slice(0, maxSuggestions);
        return { body: { handle: wanted, result: { $type: `${availability}#resultUnavailable`, suggestions } } };
      },
    }),
  ];
}

const availability = 'com.atproto.temp.checkHandleAvailability';

/** Gives names near what was wanted, the best first; whether they can be had is asked afterwards. */
function candidates({ label, email, birthDate }: { label: string; email: string | undefined; birthDate: string | undefined }): { name: string; method: string }[] {
  const fit = (text: string, room: number): string => text.toLowerCase().replaceAll(/[^a-z0-9-]/g, '').slice(0, maxLabelLength - room).replaceAll(/^-+|-+$/g, '');
  const base = fit(label, 3);
  const mailName = fit(email?.split('@', 1)[0] ?? '', 0);
  const year = birthDate?.slice(2, 4) ?? '';
  const named = [
    { name: mailName, method: 'email' },
    ...(/^\d\d$/.test(year) ? [{ name: `${base}${year}`, method: 'year' }] : []),
    ...Array.from({ length: 20 }, (_, index) => ({ name: `${base}-${index + 2}`, method: 'number' })),
  ];
  return named.filter(({ name }) => name.length >= minLabelLength);
}
