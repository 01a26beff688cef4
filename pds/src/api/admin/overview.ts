/**
 * app.dunlin.admin.getOverview, getNeighbours and requestCrawl: how the server does, what its relays and mail servers say, and asking
 * relays to read it. For the operator alone: addresses of readers and faults of mail servers are in it.
 * Source: lexicons of those names, ours.
 */
import { version } from '@dunlin/service/config/version';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { ServerIdentity } from '../../identity/server-identity.ts';
import type { Neighbours } from '../../overview/neighbours.ts';
import type { Overview } from '../../overview/overview.ts';
import type { Authenticator } from '../auth.ts';

/** What these methods use. */
export interface OverviewParts {
  readonly auth: Authenticator;
  readonly overview: Overview;
  readonly neighbours: Neighbours;
  readonly server: ServerIdentity;
  readonly inviteCodeRequired: boolean;
}

/** Gives the methods. */
export function overviewRoutes(o: OverviewParts): XrpcRoute[] {
  const { auth, neighbours } = o;
  return [
    route<unknown, unknown, unknown>('app.dunlin.admin.getOverview', {
      auth: auth.admin,
      handler: async () => ({ body: overviewView(o, await o.overview.read()) }),
    }),
    route<unknown, unknown, unknown>('app.dunlin.admin.getNeighbours', {
      auth: auth.admin,
      async handler() {
        const [relays, mail] = await Promise.all([neighbours.askRelays(), neighbours.askMail()]);
        return { body: { relays, ...mail } };
      },
    }),
    route<unknown, { relays?: readonly string[] }, unknown>('app.dunlin.admin.requestCrawl', {
      auth: auth.admin,
      async handler({ input: { relays } }) {
        const asked = relays === undefined || relays.length === 0 ? neighbours.relays : relays.map(originOf);
        if (asked.length === 0) throw invalidRequest('no relay is named: name one, or set PDS_CRAWLERS');
        return { body: { relays: await neighbours.requestCrawl(asked) } };
      },
    }),
  ];
}

function overviewView({ server, neighbours, inviteCodeRequired }: OverviewParts, read: Awaited<ReturnType<Overview['read']>>): Record<string, unknown> {
  const { startedAtMs, accounts, events: { readers, ...events }, storage: { databaseBytes, eventBytes, blobs, unusedBlobs }, disk } = read;
  return {
    version, did: server.did, url: server.publicUrl, startedAt: iso(startedAtMs), accounts,
    events: { ...events, readers: readers.map(({ ip, cursor, connectedAtMs }) => ({ address: ip, connectedAt: iso(connectedAtMs), cursor })) },
    storage: {
      databaseBytes, eventBytes, blobs: blobs.count, blobBytes: blobs.bytes, unusedBlobs: unusedBlobs.count, unusedBlobBytes: unusedBlobs.bytes,
      ...(disk.data && { dataDisk: disk.data }), ...(disk.blobs && { blobDisk: disk.blobs }),
    },
    inviteCodeRequired,
    relays: neighbours.relays,
  };
}

/** @throws XrpcError 400 for what is no web address */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw invalidRequest('a relay must be an http or https URL');
  return url.origin;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
