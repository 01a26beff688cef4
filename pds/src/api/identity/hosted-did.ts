/**
 * app.dunlin.identity.updateHostedDid: lets the document of a did:web that this server writes name another home, so that its owner can
 * leave, and move on from there. Asked by the account itself with its own password and a mailed code, as signPlcOperation is; or, when
 * the document names another server already, with a service token that the key in it has signed.
 * Source: lexicon of that name, ours, decisions/0026.
 */
import { readAuthorization } from '@dunlin/service/xrpc/auth';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { HostedDids } from '../../identity/hosted-dids.ts';
import type { MailCodes } from '../../mail/mail-codes.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Sequencer } from '../../sequencer/sequencer.ts';
import { isServiceToken, type Authenticator, type Call } from '../auth.ts';
import { hourMs, type Limits } from '../limits.ts';

interface Input {
  readonly token?: string;
  readonly home?: { readonly signingKey: string; readonly endpoint: string; readonly handle: string };
}

/** Who asks: the account with its password, or whoever holds the key in the document. */
type Asker = { readonly kind: 'account'; readonly account: Account } | { readonly kind: 'key'; readonly did: string };

/** What the method uses. */
export interface HostedDidParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly hosted: HostedDids;
  readonly mailCodes: MailCodes;
  readonly groups: GroupCommit;
  readonly sequencer: Sequencer;
  readonly resolver: IdentityResolver;
  readonly limits: Limits;
}

/** Gives the method. */
export function hostedDidRoutes(o: HostedDidParts): XrpcRoute[] {
  return [
    route<unknown, Input, Asker>('app.dunlin.identity.updateHostedDid', {
      auth: (call) => asker(o, call),
      rateLimit: o.limits.perAddress([50, hourMs]),
      async handler({ input: { token, home = null }, auth: who }) {
        const did = who.kind === 'account' ? who.account.did : who.did;
        // Before the code is looked at: the new home of an account asks without one whether it would be changed here at all.
        o.hosted.checkHosted(did);
        await o.groups.write(() => {
          if (who.kind === 'account') o.mailCodes.use(who.account.id, 'plc_operation', codeOf(token));
          // Only the old home may hand the DID over: a key that signs here is this server's own.
          else if (o.hosted.follows(did)) throw invalidRequest('the account lives here: ask with its password and a code');
          const { accountId, handle } = o.hosted.setHome(did, home);
          if (accountId !== null) o.sequencer.stage(accountId, { kind: 'identity', did, handle });
        });
        o.resolver.invalidate(did);
      },
    }),
  ];
}

async function asker({ auth }: HostedDidParts, call: Call & { readonly nsid: string }): Promise<Asker> {
  const authorization = readAuthorization(call.headers);
  if (authorization?.scheme === 'bearer' && isServiceToken(authorization.value)) return { kind: 'key', did: await auth.service(call, call.nsid) };
  const { account } = await auth.access({ scope: 'full', allowTakendown: true })(call);
  return { kind: 'account', account };
}

function codeOf(token: string | undefined): string {
  if (token === undefined || token === '') throw invalidRequest('a code is needed: ask com.atproto.identity.requestPlcOperationSignature for one');
  return token;
}
