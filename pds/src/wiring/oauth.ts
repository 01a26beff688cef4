/**
 * A stage of the wiring beside accounts: OAuth and second factors. The provider itself is made when it is first asked for.
 * Sessions of OAuth clients and devices end with all others (`account/session-ends.ts`).
 * Not for the methods of factors (`api-parts.ts`). Source: ours.
 */
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { hmacSha256 } from '@dunlin/protocol/crypto/hash';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { createRouter } from '@dunlin/service/http/router';
import type { SessionEnds } from '../account/session-ends.ts';
import type { Sessions } from '../account/sessions.ts';
import { areInvitesRequired, handleDomains, isLocal } from '../config.ts';
import { FactorCheck } from '../factor/factor-check.ts';
import { FactorStore } from '../factor/factor-store.ts';
import { Factors } from '../factor/factors.ts';
import { FreshSessions } from '../factor/fresh-sessions.ts';
import { PasskeySignIn } from '../factor/passkey-sign-in.ts';
import { Passkeys } from '../factor/passkeys.ts';
import { SignInCodes } from '../factor/sign-in-codes.ts';
import { AccountCards } from '../oauth/account-card.ts';
import type { AccountDesk } from '../oauth/account-desk.ts';
import { brandingOf } from '../oauth/branding.ts';
import { OAuthConsents } from '../oauth/consent-store.ts';
import { OAuthDevices } from '../oauth/device-store.ts';
import { OAuthFront } from '../oauth/front.ts';
import { OAuthLexicons } from '../oauth/lexicon-store.ts';
import { ReplayNames } from '../oauth/replay-store.ts';
import { OAuthRequests } from '../oauth/request-store.ts';
import { SecondSteps } from '../oauth/second-steps.ts';
import { SignInEras } from '../oauth/sign-in-eras.ts';
import { OAuthTokens } from '../oauth/token-store.ts';
import { OAuthUpkeep, upkeepEveryMs } from '../oauth/upkeep.ts';
import { serveOwnPages } from '../oauth/own-pages.ts';
import { serveSignUp } from '../oauth/sign-up.ts';
import { servePasskeySignIn } from '../oauth/passkey-sign-in.ts';
import { serveSecondStep } from '../oauth/second-step.ts';
import type { Network } from './network.ts';
import { keepUp, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** How many requests one address may make of the provider's paths in five minutes. */
const requestsPerAddress = 600;

/** Opens second factors: what is asked for at sign-in, and what people do with them. */
export function openFactors({ clock }: Stage, { database, accounts }: Stores, { groups }: Writes, { server }: Network) {
  const store = new FactorStore(database);
  const codes = new SignInCodes(clock);
  const parts = { accounts, store, codes, groups, server, clock };
  const passkeys = new Passkeys(parts);
  return { store, codes, passkeys, check: new FactorCheck(parts), factors: new Factors(parts), signIn: new PasskeySignIn({ passkeys, accounts }), fresh: new FreshSessions(clock) };
}

/** Second factors. */
export type SecondFactors = ReturnType<typeof openFactors>;

/** Opens OAuth, asleep. */
export function openOAuth(stage: Stage, stores: Stores, writes: Writes, network: Network, o: {
  sessions: Sessions; sessionEnds: SessionEnds; desk: AccountDesk; factors: SecondFactors;
}) {
  const { config, clock, log, secrets } = stage;
  const { database, accounts, records } = stores;
  const { groups } = writes;
  const { server } = network;
  const old = new OAuthUpkeep(database, groups, clock);
  const upkeep = keepUp(stage, 'oauth upkeep', { everyMs: upkeepEveryMs, work: () => old.prune(), failed: 'upkeep of OAuth failed' });
  const cards = new AccountCards(records, server);
  const devices = new OAuthDevices(database, { accounts, groups, clock, onMany: () => upkeep.nudge() });
  const tokens = new OAuthTokens(database, { accounts, cards, groups, clock });
  const eras = new SignInEras();
  const requests = new OAuthRequests(database, { accounts, groups, eras, clock, onTaken: (code, accountId) => tokens.noteTaken(code, accountId) });
  const consents = new OAuthConsents(database, groups, clock);
  const steps = new SecondSteps(clock);
  o.sessionEnds.add((accountId) => {
    tokens.deleteAll(accountId);
    requests.deleteAll(accountId);
    consents.deleteAll(accountId);
    devices.signOutEverywhere(accountId);
    steps.endAll(accountId);
    o.factors.codes.forget(accountId);
  });
  const limits = (rules: readonly (readonly [points: number, windowMs: number])[]): RateLimiter[] =>
    config.rateLimitsEnabled ? rules.map(([points, windowMs]) => new RateLimiter({ points, windowMs, clock })) : [];
  const secretFor = (purpose: string): Uint8Array => hmacSha256(utf8Encode(secrets.jwtSecret), utf8Encode(purpose));
  const front = new OAuthFront({
    server,
    limit: limits([[requestsPerAddress, 300_000]])[0] ?? null,
    async create() {
      const [{ createProvider }, { SignInDesk }] = await Promise.all([import('../oauth/provider.ts'), import('../oauth/sign-in-desk.ts')]);
      return createProvider({
        issuer: server.publicUrl,
        tokenSecret: secretFor('oauth access tokens'),
        nonceSecret: secretFor('oauth nonces'),
        branding: brandingOf(config, `${server.publicUrl}/account`),
        handleDomains: handleDomains(config),
        inviteCodeRequired: areInvitesRequired(config),
        trustedClients: config.trustedClients,
        accounts, cards, devices, tokens, consents, requests, eras, log,
        desk: o.desk,
        lexicons: new OAuthLexicons(database, groups, clock),
        replays: new ReplayNames(clock),
        signIns: new SignInDesk({ sessions: o.sessions, factors: o.factors.check, steps, eras, limits: limits([[30, 300_000], [300, 86_400_000]]) }),
        endClients: (accountId) => tokens.deleteAll(accountId),
        fetch: network.fetchGuarded,
        findLexicon: (nsid) => network.lexicons.resolve(nsid),
      });
    },
  });
  const pages = createRouter();
  serveSecondStep(pages, { load: front.load, server, accounts, devices, steps, ...o.factors });
  servePasskeySignIn(pages, { load: front.load, server, devices, steps, signIn: o.factors.signIn, limit: limits([[60, 300_000]])[0] ?? null });
  serveSignUp(pages, {
    load: front.load, server, devices, steps, desk: o.desk, limit: limits([[100, 300_000]])[0] ?? null,
    offer: { domains: handleDomains(config), isInviteRequired: areInvitesRequired(config), isDidWebOffered: config.hostedDidWeb },
  });
  serveOwnPages(pages, { isLocal: isLocal(config), serverName: config.serviceName ?? config.hostname });
  return { front, pages, tokens };
}

/** OAuth. */
export type OAuth = ReturnType<typeof openOAuth>;
