/**
 * com.atproto.repo.getRecord, listRecords and describeRepo: what stands in a repository, for everybody.
 * Records of closed repositories and of other servers are asked of the app view, when the operator named one.
 * Source: lexicons of those names; behaviour of the reference PDS (order, cursor, error texts).
 */
import { cidTextOf } from '@dunlin/protocol/data/cid';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcResult, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import { partsAt } from '../../repo/packed-records.ts';
import { recordUri } from '../../repo/record-path.ts';
import type { RecordStore } from '../../repo/record-store.ts';
import type { ForwardedCall, Forwarder } from '../../proxy/forward.ts';
import { bodyHeaders, passedOnHeaders } from '../../proxy/passed-on-headers.ts';
import type { ProxyTargets } from '../../proxy/proxy-target.ts';
import { openRepo, readableRepo } from '../find-repo.ts';
import { recordJson, recordsJson } from './record-json.ts';

/** Most collections that are named; people have dozens. Whoever has one of each record would let anybody ask for tens of megabytes. */
export const maxDescribedCollections = 2_000;

interface GetParams {
  readonly repo: string;
  readonly collection: string;
  readonly rkey: string;
  readonly cid?: string;
}

interface ListParams {
  readonly repo: string;
  readonly collection: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly reverse?: boolean;
}

/** What these methods use. */
export interface ReadParts {
  readonly accounts: AccountStore;
  readonly records: RecordStore;
  readonly resolver: IdentityResolver;
  readonly targets: ProxyTargets;
  readonly forwarder: Forwarder;
}

/** Gives the methods. */
export function readRecordRoutes({ accounts, records, resolver, targets, forwarder }: ReadParts): XrpcRoute[] {
  return [
    route<GetParams>('com.atproto.repo.getRecord', {
      async handler({ params: { repo, collection, rkey, cid }, headers, url, signal }) {
        const account = openRepo(accounts, repo);
        // Repositories of others, and closed ones, are the app view's to show, when there is one.
        if (account === null && targets.appView !== null) return passOn(forwarder, { target: targets.appView, headers, path: url, signal });
        const record = account && records.findPacked(account.id, collection, rkey);
        if (account && record && (cid === undefined || cid === cidOfPacked(record))) return { json: recordJson({ did: account.did, collection }, record) };
        const uri = recordUri(account?.did ?? repo, { collection, rkey });
        throw invalidRequest(`Could not locate record: ${uri}`, 'RecordNotFound');
      },
    }),
    route<ListParams>('com.atproto.repo.listRecords', {
      handler({ params: { repo, collection, limit, cursor = null, reverse = false } }) {
        const account = openRepo(accounts, repo);
        if (account === null) throw invalidRequest(`Could not find repo: ${repo}`);
        return { json: recordsJson({ did: account.did, collection }, records.list(account.id, { collection, limit, cursor, reverse })) };
      },
    }),
    route<{ repo: string }>('com.atproto.repo.describeRepo', {
      async handler({ params: { repo } }) {
        const { id, did, handle } = readableRepo(accounts, repo, { kind: 'anybody' });
        const document = await resolver.resolveDid(did);
        if (document === null) throw invalidRequest(`Could not resolve DID: ${did}`);
        return { body: { handle, did, didDoc: document.raw, collections: records.collections(id, maxDescribedCollections), handleIsCorrect: document.handle === handle } };
      },
    }),
  ];
}

async function passOn(forwarder: Forwarder, call: Pick<ForwardedCall, 'target' | 'headers' | 'path' | 'signal'>): Promise<XrpcResult> {
  const { status, headers, body } = await forwarder.send({ ...call, method: 'GET', body: null, identity: null });
  return { status, body, encoding: 'application/json', headers: { ...bodyHeaders(headers), ...passedOnHeaders(headers) } };
}

function cidOfPacked(record: Buffer): string {
  const { cid, contents } = partsAt(record, 0);
  return cidTextOf(record.subarray(cid, contents));
}
