/**
 * How the admin API's routes are made: who asks is checked, what changes something is remembered, errors become answers.
 * Not for what is done (hosts.ts, domains.ts, accounts.ts, consumers.ts). Place in the flow: around every request below
 * /admin.
 * Source: ours; `{"success": "true"}` with its text is what the indigo relay answers.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Context } from '@dunlin/service/http/app';
import { clientAddress } from '@dunlin/service/http/client-address';
import type { PlainRouter } from '@dunlin/service/http/router';
import type { Logger } from '@dunlin/service/log/logger';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { AuditLog } from '../../audit/audit-log.ts';
import { isOutOfRoom } from '../../log/group-writer.ts';
import { readParams } from './input.ts';
import type { Params } from './input.ts';

/** Makes routes. */
export interface AdminRoutes {
  /** A question: answers with what `answer` gives. */
  ask(path: string, answer: (params: Params) => unknown): void;
  /** An act: remembered before it is begun and when it ended; what `act` gives is added to the answer. */
  act(path: string, act: (params: Params) => Promise<object | void> | object | void): void;
}

/** What routes are made with. */
export interface ActParts {
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Makes routes on a router whose requests are already known to be the operator's. */
export function adminRoutes(router: PlainRouter, { audit, clock, log }: ActParts): AdminRoutes {
  /** The act is done by now: that there is no room to say how it ended does not undo it. */
  function finish(id: number, status: number, outcome: string): void {
    try {
      audit.finish(id, status, outcome);
    } catch (error) {
      if (!isOutOfRoom(error)) throw error;
      log.error({ id, status }, 'the disk is full: what came of an act is not remembered');
    }
  }
  return {
    ask(path, answer) {
      router.get(path, async (context) => {
        context.body = await answer(await readParams(context));
      });
    },
    act(path, act) {
      router.post(path, async (context) => {
        const params = await readParams(context);
        const id = withRoom(() => audit.begin({ atMs: clock.nowMs(), address: clientAddress(context.req), agent: context.get('user-agent'), path, params }));
        log.info({ act: path, id }, 'operator acts');
        try {
          answerSuccess(context, await act(params));
          finish(id, 200, '');
        } catch (thrown) {
          const error = isOutOfRoom(thrown) ? noRoom(thrown) : thrown;
          finish(id, error instanceof XrpcError ? error.status : 500, error instanceof Error ? error.message : 'unknown fault');
          throw error;
        }
      });
    },
  };
}

/** What cannot be remembered is not begun. */
function withRoom<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isOutOfRoom(error) ? noRoom(error) : error;
  }
}

function noRoom(cause: unknown): XrpcError {
  return new XrpcError(503, 'NotEnoughResources', 'the disk of this relay is full', {}, { cause });
}

function answerSuccess(context: Context, more: object | void): void {
  context.body = { success: 'true', ...more };
}
