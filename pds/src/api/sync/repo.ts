/**
 * com.atproto.sync methods that give repositories as CAR: getRepo, getCheckout, getRecord, getBlocks.
 * Closed repositories are named as such to everybody but their owner and the operator.
 * Source: lexicons of those names; errors as the reference PDS.
 */
import type { Readable } from 'node:stream';
import { writeCar } from '@dunlin/protocol/car/write';
import { cidFromBytes, cidToBytes, parseCid } from '@dunlin/protocol/data/cid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { RepoExporter } from '../../repo/export.ts';
import type { RepoReader } from '../../repo/read.ts';
import type { Authenticator, Reader } from '../auth.ts';
import { readableRepo } from '../find-repo.ts';

const car = 'application/vnd.ipld.car';

/** Most blocks that one getBlocks gives. */
const maxBlocks = 1_000;

/** What these methods use. */
export interface SyncParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly repos: RepoReader;
  readonly exporter: RepoExporter;
}

/** Gives the methods. */
export function syncRepoRoutes({ auth, accounts, repos, exporter }: SyncParts): XrpcRoute[] {
  const exportOf = async (did: string, reader: Reader, since: string | null): Promise<{ body: Readable; encoding: string }> => {
    const account = readableRepo(accounts, did, reader);
    const body = await exporter.export(account.id, since);
    if (body === null) throw repoNotFound(did);
    return { body, encoding: car };
  };
  return [
    route<{ did: string; since?: string }, unknown, Reader>('com.atproto.sync.getRepo', {
      auth: (call) => auth.reader(call),
      handler: ({ params, auth: reader }) => exportOf(params.did, reader, params.since ?? null),
    }),
    route<{ did: string }, unknown, Reader>('com.atproto.sync.getCheckout', {
      auth: (call) => auth.reader(call),
      handler: ({ params, auth: reader }) => exportOf(params.did, reader, null),
    }),
    route<{ did: string; collection: string; rkey: string }, unknown, Reader>('com.atproto.sync.getRecord', {
      auth: (call) => auth.reader(call),
      handler({ params: { did, collection, rkey }, auth: reader }) {
        const account = readableRepo(accounts, did, reader);
        const proof = repos.proof(account.id, { collection, rkey });
        if (proof === null) throw repoNotFound(did);
        return { body: writeCar(proof.root, proof.blocks), encoding: car };
      },
    }),
    route<{ did: string; cids: readonly string[] }, unknown, Reader>('com.atproto.sync.getBlocks', {
      auth: (call) => auth.reader(call),
      async handler({ params: { did, cids }, auth: reader, signal }) {
        const account = readableRepo(accounts, did, reader);
        if (cids.length > maxBlocks) throw invalidRequest(`too many cids: count=${cids.length} max=${maxBlocks}`);
        const blocks = await repos.blocks(account.id, cids.map((text) => cidFromBytes(cidToBytes(parseCid(text)))), signal);
        const missing = cids.filter((text) => !blocks.has(parseCid(text)));
        if (missing.length > 0) throw invalidRequest(`Could not find cids: ${missing.join(', ')}`, 'BlockNotFound');
        return { body: writeCar(null, blocks), encoding: car };
      },
    }),
  ];
}

/** Makes the answer for an account without a repository. */
export function repoNotFound(did: string): Error {
  return invalidRequest(`Could not find repo for DID: ${did}`, 'RepoNotFound');
}
