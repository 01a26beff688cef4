/**
 * Fourth stage of the wiring: people. Their sessions, names, codes and standing.
 * Everything here works on accounts; repositories are the second stage.
 * Not for HTTP. Source: ours.
 */
import { createAdminAuth } from '@dunlin/service/xrpc/auth';
import { PasswordCheck } from '../account/password-check.ts';
import { Registrar } from '../account/register.ts';
import { SessionTokens } from '../account/session-token.ts';
import { Sessions } from '../account/sessions.ts';
import { AccountStanding } from '../account/standing.ts';
import { Authenticator } from '../api/auth.ts';
import { DocumentView } from '../api/server/document-view.ts';
import { handleDomains } from '../config.ts';
import { DocumentCheck } from '../identity/document-check.ts';
import { HandleChange } from '../identity/handle-change.ts';
import { HandleChoice } from '../identity/handle-choice.ts';
import type { Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';
import type { Network } from './network.ts';

/** People: their sessions, names and standing. */
export function openAccounts({ config, clock, secrets }: Stage, stores: Stores, writes: Writes, network: Network) {
  const { accounts, refreshTokens } = stores;
  const { groups, sequencer, outbox, keys, writer } = writes;
  const { resolver, plc, server } = network;
  const passwords = new PasswordCheck(clock);
  const tokens = new SessionTokens({ secret: secrets.jwtSecret, audience: () => server.did, clock });
  const sessions = new Sessions({ accounts, refreshTokens, tokens, passwords, groups, clock });
  return {
    sessions,
    auth: new Authenticator({ accounts, tokens, server, resolver, clock, admin: createAdminAuth(secrets.adminPassword, { clock }) }),
    registrar: new Registrar({ accounts, sessions, tokens, passwords, repos: writer, plc, server, groups, sequencer, clock }),
    standing: new AccountStanding({ ...stores, groups, sequencer, keys, clock, onForgotten: () => outbox.forget() }),
    choice: new HandleChoice(handleDomains(config), resolver),
    change: new HandleChange({ accounts, plc, resolver, groups, sequencer }),
    documents: new DocumentCheck(resolver, keys, server),
    documentView: new DocumentView(resolver, { isSentWithSessions: config.enableDidDocWithSession }),
  };
}

/** What works on accounts. */
export type People = ReturnType<typeof openAccounts>;
