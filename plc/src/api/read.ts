/**
 * Reading a DID: document, data, newest operation, log, audit log.
 * Not for many DIDs at once (api/bulk) nor for the log of all (api/export).
 * Answers are never cached: a key that was changed must be seen at once.
 * Source: the HTTP API of the public did:plc directory; 410 for a tombstoned DID as its API description says.
 */
import { Readable } from 'node:stream';
import { isPlcDid } from '@dunlin/protocol/identity/did';
import { plcStateOf, type PlcData } from '@dunlin/protocol/identity/plc-operation';
import type { Context } from '@dunlin/service/http/app';
import type { PlainRouter } from '@dunlin/service/http/router';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { formatDidDocument } from '../document.ts';
import type { OperationLog, StoredEntry } from '../log.ts';

/** Entries of a log that are read and written at a time; a log shorter than that is one consistent reading. */
const pageEntries = 1_000;

/** Adds the routes of one DID. */
export function addReadRoutes(router: PlainRouter, log: OperationLog): void {
  router.get('/:did', (context) => {
    const document = formatDidDocument(currentData(log, didOf(context)));
    answer(context, JSON.stringify(document), 'application/did+ld+json');
  });
  router.get('/:did/data', (context) => answer(context, JSON.stringify(currentData(log, didOf(context)))));
  router.get('/:did/log/last', (context) => answer(context, JSON.stringify(newestEntry(log, didOf(context)).operation)));
  router.get('/:did/log', (context) => answerLog(context, log, { withNullified: false, format: (entry) => JSON.stringify(entry.operation) }));
  router.get('/:did/log/audit', (context) => answerLog(context, log, { withNullified: true, format: formatEntry }));
}

/** Writes an entry as the audit log and the export by time give it. */
export function formatEntry(entry: StoredEntry): string {
  const { did, operation, cid, nullified, createdAtMs } = entry;
  return JSON.stringify({ did, operation, cid, nullified, createdAt: new Date(createdAtMs).toISOString() });
}

/** Makes the error for a DID that has no operation. */
export function notRegistered(did: string): XrpcError {
  return new XrpcError(404, 'DidNotRegistered', `DID not registered: ${did.slice(0, 64)}`);
}

function didOf(context: Context): string {
  const did: unknown = context['params'].did;
  if (typeof did !== 'string' || !isPlcDid(did)) throw notRegistered(String(did));
  return did;
}

function newestEntry(log: OperationLog, did: string): StoredEntry {
  const entry = log.newest(did);
  if (entry === null) throw notRegistered(did);
  return entry;
}

function currentData(log: OperationLog, did: string): PlcData {
  const state = plcStateOf(newestEntry(log, did).operation);
  if (state === null) throw new XrpcError(410, 'DidNotAvailable', `DID not available: ${did}`);
  return { did, ...state };
}

function answer(context: Context, body: string | Readable, type = 'application/json'): void {
  context.set('content-type', `${type}; charset=utf-8`);
  context.set('cache-control', 'no-cache');
  context.body = body;
}

function answerLog(context: Context, log: OperationLog, o: { withNullified: boolean; format: (entry: StoredEntry) => string }): void {
  const did = didOf(context);
  const first = log.page(did, 0, pageEntries, o.withNullified);
  if (first.length === 0) throw notRegistered(did);
  if (first.length < pageEntries) answer(context, `[${first.map(o.format).join(',')}]`);
  else answer(context, Readable.from(writeLog(log, did, first, o)));
}

function* writeLog(
  log: OperationLog, did: string, first: readonly StoredEntry[], o: { withNullified: boolean; format: (entry: StoredEntry) => string },
): Generator<string> {
  let separator = '[';
  for (let page = first; page.length > 0; page = log.page(did, page.at(-1)?.seq ?? 0, pageEntries, o.withNullified)) {
    yield separator + page.map(o.format).join(',');
    separator = ',';
  }
  yield ']';
}
