/**
 * Fifth stage of the wiring: what each group of methods is given.
 * One entry a group, in the order of the table of methods (`api/index.ts`).
 * Not for the methods themselves. Source: ours.
 */
import type { ApiParts } from '../api/index.ts';
import { fiveMinutesMs, Limits } from '../api/limits.ts';
import { BlobUploader } from '../blob/upload.ts';
import { areInvitesRequired, blobFolders, handleDomains, ownHosts } from '../config.ts';
import { Neighbours } from '../overview/neighbours.ts';
import { Overview } from '../overview/overview.ts';
import { EventRate } from '../sequencer/event-rate.ts';
import { HostRename } from '../identity/host-rename.ts';
import type { People } from './accounts.ts';
import type { Moving } from './moving.ts';
import type { Network } from './network.ts';
import { openProxy } from './proxy.ts';
import type { Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** DID of the app view whose preferences these are, where the operator named none. */
const bskyAppViewDid = 'did:web:api.bsky.app';

/** Gives the parts by group. */
export function apiParts(stage: Stage, stores: Stores, writes: Writes, network: Network, people: People, moving: Moving): ApiParts {
  const { config, clock, lifecycle } = stage;
  const { accounts, records, repos, blobs, files, exporter, preferences, reservedKeys, invites: inviteStore } = stores;
  const { groups, keys, preparer, writer, sequencer } = writes;
  const { resolver, plc, server, lexicons: publishedLexicons, fetchDirect, fetchGuarded } = network;
  const { auth, sessions, registrar, standing, departures, choice, change, keyChange, documents, documentView } = people;
  const { factors: second } = people;
  const { appPasswords, invites, emailChanges, passwordChanges, mailCodes, moderationMailer, plcOperations } = people;
  const domains = handleDomains(config);
  const limits = new Limits({ isOn: config.rateLimitsEnabled, bypassKey: config.rateLimitBypassKey, bypassAddresses: config.rateLimitBypassIps, clock });
  const { targets, forwarder, appView, readAfterWrite } = openProxy(stage, stores, writes, network);
  const { importer, missingBlobs, moves, oversight, restoration, webRestoration, tickets } = moving;
  const eventRate = new EventRate(sequencer, clock);
  lifecycle.own('event rate', eventRate.close);
  const folders = { data: config.dataDirectory, blobs: blobFolders(config).folder };
  const overview = new Overview({ ...stores, ...writes, eventRate, folders, clock });
  const neighbours = new Neighbours({ relays: config.crawlers, server, mailer: people.mailer, moderationMailer, fetch: fetchDirect, clock });
  return {
    everyCall: limits.perAddress([3_000, fiveMinutesMs]),
    createAccount: { auth, hosted: people.hosted, registrar, invites, handles: choice, documents: documentView, limits, fresh: second.fresh },
    sessions: { auth, accounts, sessions, documents: documentView, limits, factors: second.check, fresh: second.fresh },
    standing: { auth, standing, documents, repos, blobs, preferences },
    describeServer: { server, domains, invites, config },
    serviceAuth: { auth, keys, clock },
    writes: { auth, accounts, preparer, repos: writer, limits },
    reads: { accounts, records, resolver, targets, forwarder },
    blobs: { auth, uploader: new BlobUploader({ ...stores, keeper: writes.keeper, maxUnusedBytes: config.blobUnusedLimitBytes }), blobs, uploadLimitBytes: config.blobUploadLimit, limits },
    importRepo: { auth, importer, isAccepting: config.acceptingImports, maxBytes: config.maxImportBytes, limits },
    syncRepo: { auth, accounts, repos, exporter },
    syncStatus: { auth, accounts, repos },
    syncBlobs: { auth, accounts, blobs, files },
    handles: { auth, accounts, resolver, choice, change, keys, plc, server, domains, limits },
    adminAccounts: { auth, accounts, invites: inviteStore, standing },
    subjects: { auth, accounts, standing, oversight, records, blobs, groups, clock },
    preferences: { auth, accounts, preferences, groups, clock, audience: `${config.appViewDid ?? bskyAppViewDid}#bsky_appview` },
    appPasswords: { auth, appPasswords },
    email: { auth, emailChanges, limits },
    password: { passwordChanges, limits },
    deleteAccount: { auth, departures, limits },
    invites: { auth, invites },
    signingKey: { reservedKeys, groups, limits },
    signUp: { auth, accounts, hosted: people.hosted, identityChanges: people.identityChanges, domains, hosts: ownHosts(config), limits },
    plcOperations: { auth, plcOperations, limits },
    resolve: { auth, accounts, resolver, groups, sequencer, domains, limits },
    lexicon: { publishedLexicons, limits },
    accountChanges: { auth, accounts, emailChanges, passwordChanges, choice, change, keyChange },
    adminInvites: { auth, accounts, invites: inviteStore, groups },
    factors: { auth, sessions, plc, ...second },
    passkeyChecks: { sessions, limits, ...second },
    adminFactors: { auth, accounts, factors: second.factors },
    notification: { auth, targets, forwarder, fetchDirect, fetchGuarded },
    proxy: { auth, targets, forwarder, readAfterWrite, appView, clock, maxBodyBytes: config.blobUploadLimit },
    adminMail: { auth, accounts, moderationMailer, mailCodes },
    hostedDids: { auth, accounts, hosted: people.hosted, mailCodes, keys, groups, sequencer, resolver, limits, clock },
    renameHost: { auth, rename: new HostRename({ ...stores, ...network, hosted: people.hosted, identityChanges: people.identityChanges, domains, groups, sequencer, clock }) },
    overview: { auth, overview, neighbours, server, inviteCodeRequired: areInvitesRequired(config) },
    accountOverview: { auth, ...stores, sessions, tokens: people.oauth.tokens, factors: second.factors, clock },
    acts: { auth, accounts, audit: stores.audit, groups, clock, modServiceDid: config.modServiceDid },
    missingBlobs: { auth, accounts, missingBlobs },
    moves: { auth, moves, limits },
    adminMoves: { auth, accounts, oversight },
    blobTrash: { auth, accounts, trash: writes.trash, trashStore: stores.trashStore },
    archiveTicket: { auth, tickets, limits },
    restore: { auth, restoration, webRestoration, handles: choice, fresh: second.fresh, limits },
  };
}
