/**
 * POST /:did: takes a signed operation.
 * Not for judging it (submit.ts). Answers 200 "OK" when it is durable; a repeat of the newest operation is 200 too.
 * Refusals: 400 with the reason in words, 413 too large, 429 too many operations for this DID or from this address.
 * Source: the HTTP API of the public did:plc directory.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { isPlcDid } from '@dunlin/protocol/identity/did';
import { clientAddress, limitKey } from '@dunlin/service/http/client-address';
import { RateLimiter, spend } from '@dunlin/service/http/rate-limit';
import type { PlainRouter } from '@dunlin/service/http/router';
import { discardRest, parseJson, readBody } from '@dunlin/service/xrpc/body';
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import { readIncomingOperation } from '../constraints.ts';
import type { OperationLog } from '../log.ts';
import type { PlcMetrics } from '../metrics.ts';
import { submitOperation, type DidLimits, type Submission } from '../submit.ts';

/** Largest body of a request, in bytes. Ours: the largest operation in JSON with every character escaped. */
const maxBodyBytes = 32_768;

/** Deepest JSON of an operation, in containers: services and their entries. */
const maxJsonDepth = 8;

/** Parts of the route. */
export interface SubmitOptions {
  readonly log: OperationLog;
  readonly limits: DidLimits;
  readonly submissionsPerMinute: number;
  readonly clock: Clock;
  readonly metrics: PlcMetrics;
}

/** Adds the route. */
export function addSubmitRoute(router: PlainRouter, o: SubmitOptions): void {
  const limiter = new RateLimiter({ points: o.submissionsPerMinute, windowMs: 60_000, clock: o.clock });
  router.post('/:did', async (context) => {
    try {
      spend({ limiter, key: () => limitKey(clientAddress(context.req)) }, context.res);
      const did: unknown = context.params.did;
      if (typeof did !== 'string' || !isPlcDid(did)) throw invalidRequest(`not a did:plc: ${String(did).slice(0, 64)}`);
      const incoming = readIncomingOperation(parseJson(await readBody(context.req, maxBodyBytes), maxJsonDepth));
      if (!incoming.accepted) {
        o.metrics.operations.inc({ outcome: 'malformed' });
        throw invalidRequest(incoming.message, 'InvalidOperation');
      }
      const submission = submitOperation({ log: o.log, limits: o.limits, nowMs: o.clock.nowMs() }, did, incoming.operation);
      o.metrics.operations.inc({ outcome: outcomeOf(submission) });
      throwRefusal(submission);
      context.body = 'OK';
    } finally {
      discardRest(context.req);
    }
  });
}

function outcomeOf(submission: Submission): string {
  if (submission.outcome === 'stored') return submission.kind;
  return submission.outcome === 'refused' ? submission.reason : submission.outcome;
}

function throwRefusal(submission: Submission): void {
  if (submission.outcome === 'refused') throw new XrpcError(400, submission.reason, submission.detail);
  if (submission.outcome !== 'limited') return;
  const { limit, windowMs } = submission;
  throw new XrpcError(429, 'RateLimitExceeded', `too many operations for this did: max=${limit} windowHours=${windowMs / 3_600_000}`);
}
