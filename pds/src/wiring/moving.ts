/**
 * A stage of the wiring beside accounts: moves into this server, and what runs them.
 * The runner takes unfinished moves up when the server starts and ends its jobs before the database closes.
 * Not for the methods (`api-parts.ts`). Source: ours.
 */
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { hmacSha256 } from '@dunlin/protocol/crypto/hash';
import { createGuardedFetch } from '@dunlin/service/http/guarded-fetch';
import { serveArchives } from '../api/account/archive.ts';
import { MissingBlobs } from '../blob/fetch-missing.ts';
import { importFolder, isLocal } from '../config.ts';
import { RepoImporter } from '../migration/import-repo.ts';
import { clearStaging } from '../migration/staging.ts';
import { ArchiveTickets } from '../moving/archive-tickets.ts';
import { Archives } from '../moving/archive.ts';
import { declareMoveMetrics } from '../metrics.ts';
import { MoveIdentity } from '../moving/move-identity.ts';
import { MoveOversight } from '../moving/move-oversight.ts';
import { MoveRunner } from '../moving/move-runner.ts';
import { MoveSteps, movePace } from '../moving/move-steps.ts';
import { Restoration } from '../moving/restoration.ts';
import { WebRestoration } from '../moving/web-restoration.ts';
import { Moves } from '../moving/moves.ts';
import type { People } from './accounts.ts';
import type { Network } from './network.ts';
import { reportFault, type PdsParts, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** Longest time for one answer of an old server, in ms: whole repositories are among them, and the time in which we do not read. */
const oldServerTimeoutMs = 2 * movePace.repoMaxMs;

/** Opens moves, and takes up those that were under way. */
export function openMoving(stage: Stage, stores: Stores, writes: Writes, network: Network, people: People, parts: PdsParts) {
  const { config, clock, log, lifecycle, metrics } = stage;
  const { groups, keys } = writes;
  const { moves, standing, documents, plcOperations } = people;
  const folder = importFolder(config);
  clearStaging(folder);
  const guarded = createGuardedFetch({ allowPrivate: isLocal(config) || config.privateAddressesAllowed, maxBytes: config.maxImportBytes, timeoutMs: oldServerTimeoutMs, clock });
  lifecycle.own('requests to old servers', () => guarded.close());
  const shared = { ...stores, ...network, groups, keys, standing, documents, plcOperations, moves, isAccepting: config.acceptingImports, clock, fetch: parts.fetch ?? guarded };
  const importer = new RepoImporter({ ...stores, ...writes, clock, folder });
  const missingBlobs = new MissingBlobs({ ...stores, keeper: writes.keeper, clock, fetch: network.fetchBlobs });
  const steps = new MoveSteps({ ...shared, importer, missingBlobs, ...(parts.movePace && { pace: parts.movePace }) });
  const observer = declareMoveMetrics(metrics, { counts: () => runner.counts });
  const runner: MoveRunner = new MoveRunner({ ...shared, steps, observer, ...(parts.moveTurnMs !== undefined && { turnMs: parts.moveTurnMs }), onFault: reportFault(log, 'a move was cut short') });
  const tickets = new ArchiveTickets(clock);
  people.sessionEnds.add((accountId) => tickets.endAll(accountId));
  serveArchives(people.oauth.pages, { accounts: stores.accounts, tickets, archives: new Archives({ ...shared, onFault: reportFault(log, 'an archive was cut short') }) });
  return {
    importer, missingBlobs, runner, tickets,
    moves: new Moves({ ...shared, runner, observer, identity: new MoveIdentity(shared) }),
    oversight: new MoveOversight({ ...shared, runner }),
    webRestoration: new WebRestoration({ ...shared, key: hmacSha256(utf8Encode(stage.secrets.jwtSecret), utf8Encode('keys of restorations')), registrar: people.registrar, observer }),
    restoration: new Restoration({ ...shared, runner, observer, registrar: people.registrar }),
  };
}

/** Moves into this server. */
export type Moving = ReturnType<typeof openMoving>;
