/**
 * Fourth stage of the wiring: people. Their sessions, names, codes and standing.
 * Everything here works on accounts; repositories are the second stage.
 * Not for HTTP. Source: ours.
 */
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { hmacSha256 } from '@dunlin/protocol/crypto/hash';
import { createAdminAuth } from '@dunlin/service/xrpc/auth';
import { AppPasswords } from '../account/app-passwords.ts';
import { Departures, departuresEveryMs } from '../membership/departures.ts';
import { EmailChanges } from '../membership/email-changes.ts';
import { PasswordChanges } from '../membership/password-changes.ts';
import { PasswordCheck } from '../account/password-check.ts';
import { Registrar } from '../membership/register.ts';
import { SessionEnds } from '../account/session-ends.ts';
import { SessionTokens } from '../account/session-token.ts';
import { Sessions } from '../account/sessions.ts';
import { AccountStanding } from '../membership/standing.ts';
import { Authenticator } from '../api/auth.ts';
import { DocumentView } from '../api/server/document-view.ts';
import { areInvitesRequired, handleDomains, ownHosts } from '../config.ts';
import { DocumentCheck } from '../identity/document-check.ts';
import { HandleChange } from '../identity/handle-change.ts';
import { HandleChoice } from '../identity/handle-choice.ts';
import { HostedDids } from '../identity/hosted-dids.ts';
import { IdentityChanges } from '../identity/identity-changes.ts';
import { IntentSettlement } from '../identity/intent-settlement.ts';
import { KeyChange } from '../identity/key-change.ts';
import { PlcOperations } from '../identity/plc-operations.ts';
import { Invites } from '../invite/invites.ts';
import { MoveStore } from '../moving/move-store.ts';
import { AccountDesk } from '../oauth/account-desk.ts';
import { OAuthCallers } from '../oauth/resource.ts';
import { openMail } from './mail.ts';
import type { Network } from './network.ts';
import { openFactors, openOAuth } from './oauth.ts';
import { keepUp, reportFault, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** Opens what works on accounts. */
export function openAccounts(stage: Stage, stores: Stores, writes: Writes, network: Network) {
  const { config, clock, log, lifecycle, secrets } = stage;
  const { groups, sequencer, keys, renewal, writer: repos } = writes;
  const { resolver, server } = network;
  const { mailer, mailCodes, accountLetters, moderationMailer } = openMail(stage, stores, writes);
  const passwords = new PasswordCheck(clock);
  lifecycle.own('password checks', () => passwords.close());
  const tokens = new SessionTokens({ secret: secrets.jwtSecret, audiences: () => server.audiences, clock });
  const sessionEnds = new SessionEnds();
  sessionEnds.add((accountId) => stores.refreshTokens.revokeAll(accountId));
  const hosted = new HostedDids({ ...stores, ...network, keys, clock, areMade: config.hostedDidWeb });
  const factors = openFactors(stage, stores, writes, network);
  const settlement = new IntentSettlement({ ...stores, ...network, ...writes, clock, log });
  const identityChanges = new IdentityChanges({ ...stores, ...network, groups, settlement, clock, onFault: reportFault(log, 'a change of an identity could not be settled') });
  lifecycle.own('changes of identities', () => identityChanges.close());
  const shared = {
    ...stores, ...network, hosted, settlement, identityChanges, groups, sequencer, keys, renewal, passwords, tokens, sessionEnds, mailCodes, accountLetters, clock,
    factorStore: factors.store,
  };
  const appPasswords = new AppPasswords({ ...shared, appPasswords: stores.appPasswordStore });
  const sessions = new Sessions({ ...shared, appPasswords });
  const invites = new Invites({
    ...shared,
    rules: { isRequired: areInvitesRequired(config), intervalMs: config.inviteIntervalMs, epochMs: config.inviteEpochMs, hostname: config.hostname },
  });
  const moves = new MoveStore(stores.database, hmacSha256(utf8Encode(secrets.jwtSecret), utf8Encode('sessions at old servers')));
  const others = [stores.repoRemoval, stores.preferences, stores.appPasswordStore, stores.codes, stores.renames, moves, hosted, identityChanges];
  const standing = new AccountStanding({ ...shared, trash: writes.trash, others, stops: moves, onForgotten: writes.onForgotten, onTrashed: () => writes.collecting.nudge() });
  const departures = new Departures({ ...shared, standing });
  const registrar = new Registrar({ ...shared, sessions, invites, repos });
  const emailChanges = new EmailChanges(shared);
  const passwordChanges = new PasswordChanges(shared);
  const choice = new HandleChoice({ domains: handleDomains(config), hosts: ownHosts(config), resolver, hosted });
  const change = new HandleChange(shared);
  const documents = new DocumentCheck(resolver, keys, server);
  const desk = new AccountDesk({ ...shared, registrar, choice, change, passwordChanges, emailChanges, departures, standing, documents });
  const oauth = openOAuth(stage, stores, writes, network, { sessions, sessionEnds, factors, desk });
  keepUp(stage, 'departures', { everyMs: departuresEveryMs, work: (signal) => departures.deleteDue(signal), failed: 'account could not be deleted on its date' });
  return {
    sessions, sessionEnds, appPasswords, invites, mailer, mailCodes, moderationMailer, standing, departures,
    registrar, moves, emailChanges, passwordChanges, choice, change, documents, hosted, identityChanges, factors, oauth,
    auth: new Authenticator({ ...shared, oauth: new OAuthCallers(oauth.front.load, server), admin: createAdminAuth(secrets.adminPassword, { clock }), modServiceDid: config.modServiceDid }),
    keyChange: new KeyChange(shared),
    plcOperations: new PlcOperations(shared),
    documentView: new DocumentView(resolver, { isSentWithSessions: config.enableDidDocWithSession }),
  };
}

/** What works on accounts. */
export type People = ReturnType<typeof openAccounts>;
