/**
 * POST /dids: the documents of up to a thousand DIDs as JSON lines, in the order asked, each once.
 * Not for one DID (api/read).
 * Takes {"dids": […]}. Gives {did, document} and, where document is null, `tombstoned` or `notFound`.
 * Source: the HTTP API of the public did:plc directory.
 */
import { isPlcDid } from '@dunlin/protocol/identity/did';
import { plcStateOf } from '@dunlin/protocol/identity/plc-operation';
import type { PlainRouter } from '@dunlin/service/http/router';
import { discardRest, parseJson, readBody } from '@dunlin/service/xrpc/body';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { formatDidDocument } from '../document.ts';
import type { OperationLog } from '../log.ts';

/** Most DIDs of one request. Public directory: 1,000. */
export const maxBulkDids = 1_000;

/** Largest body, in bytes: a thousand DIDs with quotes, commas and room for blanks. */
const maxBodyBytes = 65_536;

/** Adds the route. */
export function addBulkRoute(router: PlainRouter, log: OperationLog): void {
  router.post('/dids', async (context) => {
    try {
      const dids = readDids(parseJson(await readBody(context.req, maxBodyBytes), 3));
      context.set('content-type', 'application/jsonlines');
      context.body = dids.map((did) => JSON.stringify(lookUp(log, did))).join('\n');
    } finally {
      discardRest(context.req);
    }
  });
}

function lookUp(log: OperationLog, did: string): object {
  const entry = log.newest(did);
  if (entry === null) return { did, document: null, notFound: true };
  const state = plcStateOf(entry.operation);
  return state ? { did, document: formatDidDocument({ did, ...state }) } : { did, document: null, tombstoned: true };
}

function readDids(body: unknown): string[] {
  const dids: unknown = typeof body === 'object' && body !== null && 'dids' in body ? body.dids : undefined;
  if (!Array.isArray(dids) || dids.length === 0) throw invalidRequest('dids must be an array that is not empty');
  if (dids.length > maxBulkDids) throw invalidRequest(`too many dids: count=${dids.length} max=${maxBulkDids}`);
  const bad: unknown = dids.find((did) => typeof did !== 'string' || !isPlcDid(did));
  if (bad !== undefined) throw invalidRequest(`not a did:plc: ${String(bad).slice(0, 64)}`);
  return [...new Set(dids as string[])];
}
