/**
 * Fifth stage of the wiring: what each group of methods is given.
 * One entry a group, in the order of the table of methods (`api/index.ts`).
 * Not for the methods themselves. Source: ours.
 */
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import type { ApiParts } from '../api/index.ts';
import { BlobUploader } from '../blob/upload.ts';
import { handleDomains } from '../config.ts';
import type { Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';
import type { Network } from './network.ts';
import type { People } from './accounts.ts';

/** What each group of methods is given. */
export function apiParts({ config, clock }: Stage, stores: Stores, writes: Writes, network: Network, people: People): ApiParts {
  const { accounts, records, repos, blobs, files, exporter, preferences } = stores;
  const { groups, keys, preparer, writer } = writes;
  const { resolver, plc, server } = network;
  const { auth, sessions, registrar, standing, choice, change, documents, documentView } = people;
  const domains = handleDomains(config);
  const limits = (rules: readonly (readonly [points: number, windowMs: number])[]): RateLimiter[] =>
    config.rateLimitsEnabled ? rules.map(([points, windowMs]) => new RateLimiter({ points, windowMs, clock })) : [];
  return {
    createAccount: { auth, registrar, handles: choice, documents: documentView, limits: limits([[100, 300_000]]) },
    sessions: { auth, accounts, sessions, documents: documentView, limits: limits([[30, 300_000], [300, 86_400_000]]) },
    standing: { auth, standing, documents, repos, blobs, preferences },
    describeServer: { server, domains, config },
    serviceAuth: { auth, keys, clock },
    writes: { auth, accounts, preparer, repos: writer },
    reads: { accounts, records, resolver },
    blobs: { auth, uploader: new BlobUploader({ ...stores, groups, clock }), blobs, uploadLimitBytes: config.blobUploadLimit },
    syncRepo: { auth, accounts, repos, exporter },
    syncStatus: { auth, accounts, repos },
    syncBlobs: { auth, accounts, blobs, files },
    handles: { auth, accounts, resolver, choice, change, keys, plc, server, domains },
    adminAccounts: { auth, accounts, standing, choice, change },
    subjects: { auth, accounts, standing, records, blobs, groups, clock },
    preferences: { auth, preferences, groups },
  };
}
