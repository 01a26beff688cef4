/**
 * GET /export: the log of all DIDs as JSON lines, by sequence number or by time.
 * Not for one DID (api/read). Whoever mirrors the directory begins with after=0 and goes on from the last line's seq.
 * No `after`, or a time, gives the older form with `nullified` and without `seq`, as the public directory does.
 * Source: did:plc v0.3, "Bulk Export"; `type` is the `sequenced_op` that the public directory really sends.
 */
import type { PlainRouter } from '@dunlin/service/http/router';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { OperationLog, StoredEntry } from '../log.ts';
import { formatEntry } from './read.ts';

/** Most lines of one answer; also the number when none is asked for. Public directory: 1,000. */
export const maxExportLines = 1_000;

const timeSyntax = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Adds the route. */
export function addExportRoute(router: PlainRouter, log: OperationLog): void {
  router.get('/export', (context) => {
    const count = readCount(context.query['count']);
    const after = readAfter(context.query['after']);
    const lines = after.kind === 'seq'
      ? log.exportBySeq(after.seq, count).map(formatSequenced)
      : log.exportByTime(after.timeMs, count).map(formatEntry);
    context.set('content-type', 'application/jsonlines');
    context.body = lines.join('\n');
  });
}

function formatSequenced(entry: StoredEntry): string {
  const { did, operation, cid, seq, createdAtMs } = entry;
  return JSON.stringify({ type: 'sequenced_op', did, operation, cid, seq, createdAt: new Date(createdAtMs).toISOString() });
}

function readCount(text: string | string[] | undefined): number {
  if (text === undefined || text === '') return maxExportLines;
  if (typeof text !== 'string' || !/^\d{1,9}$/.test(text) || Number(text) < 1) throw invalidRequest('Invalid count parameter');
  return Math.min(Number(text), maxExportLines);
}

type After = { readonly kind: 'seq'; readonly seq: number } | { readonly kind: 'time'; readonly timeMs: number };

function readAfter(text: string | string[] | undefined): After {
  if (text === undefined || text === '') return { kind: 'time', timeMs: -1 };
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return { kind: 'seq', seq: Number(text) };
  const timeMs = typeof text === 'string' && timeSyntax.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) throw invalidRequest('Invalid after parameter');
  return { kind: 'time', timeMs };
}
