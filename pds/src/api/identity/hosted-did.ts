/**
 * app.dunlin.identity.updateHostedDid: lets the document of a did:web that this server writes name another home, so that its owner can
 * leave, and move on from there. Asked by the account itself with its own password and a mailed code, as signPlcOperation is; or, when
 * it has left and its account was deleted here, with a service token that the key in the document has signed.
 * app.dunlin.identity.signHostedDidAuth makes such a token for an account that lives here now, with a mailed code as well.
 * Source: lexicons of those names, ours, decisions/0026.
 */
import { isValidDid } from '@atproto/syntax';
import type { Clock } from '@dunlin/protocol/base/clock';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { readAuthorization } from '@dunlin/service/xrpc/auth';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { SigningKeys } from '../../account/signing-keys.ts';
import type { HostedDids } from '../../identity/hosted-dids.ts';
import type { MailCodes } from '../../mail/mail-codes.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Sequencer } from '../../sequencer/sequencer.ts';
import { isServiceToken, type Authenticator, type Call, type Caller } from '../auth.ts';
import { hourMs, type Limits } from '../limits.ts';

const updateMethod = 'app.dunlin.identity.updateHostedDid';
const signAuth = 'app.dunlin.identity.signHostedDidAuth';

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
  readonly keys: SigningKeys;
  readonly clock: Clock;
  readonly groups: GroupCommit;
  readonly sequencer: Sequencer;
  readonly resolver: IdentityResolver;
  readonly limits: Limits;
}

/** Gives the methods. */
export function hostedDidRoutes(o: HostedDidParts): XrpcRoute[] {
  return [
    route<unknown, Input, Asker>(updateMethod, {
      auth: (call) => asker(o, call),
      rateLimit: o.limits.perAddress([50, hourMs]),
      async handler({ input: { token, home = null }, auth: who }) {
        const did = who.kind === 'account' ? who.account.did : who.did;
        // Before the code is looked at: the new home of an account asks without one whether it would be changed here at all.
        o.hosted.checkHosted(did);
        await o.groups.write(() => {
          if (who.kind === 'account') o.mailCodes.use(who.account.id, 'plc_operation', codeOf(token));
          // A key alone is the word of whatever program has it now: where a code can be mailed, one is.
          else if (o.accounts.byDid(did) !== null) throw invalidRequest('the account is kept here: ask with its password and a code');
          const { accountId, handle } = o.hosted.setHome(did, home);
          if (accountId !== null) o.sequencer.stage(accountId, { kind: 'identity', did, handle });
        });
        o.resolver.invalidate(did);
      },
    }),
    route<unknown, { token: string; aud: string }, Caller>(signAuth, {
      auth: o.auth.access({ scope: 'full', allowTakendown: true }),
      rateLimit: o.limits.perAccount([50, hourMs]),
      async handler({ input: { token, aud }, auth: { account: { id, did } } }) {
        if (!isValidDid(aud)) throw invalidRequest('aud must be the DID of the server that writes the document');
        await o.groups.write(() => o.mailCodes.use(id, 'plc_operation', codeOf(token)));
        return { body: { token: mintServiceJwt({ issuer: did, audience: aud, lxm: updateMethod, keypair: o.keys.of(id), nowMs: o.clock.nowMs() }) } };
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
