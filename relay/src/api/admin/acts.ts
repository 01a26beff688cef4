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
  return {
    ask(path, answer) {
      router.get(path, async (context) => {
        context.body = await answer(await readParams(context));
      });
    },
    act(path, act) {
      router.post(path, async (context) => {
        const params = await readParams(context);
        const id = audit.begin({ atMs: clock.nowMs(), address: clientAddress(context.req), agent: context.get('user-agent'), path, params });
        log.info({ act: path, id }, 'operator acts');
        try {
          answerSuccess(context, await act(params));
          audit.finish(id, 200, '');
        } catch (error) {
          audit.finish(id, error instanceof XrpcError ? error.status : 500, error instanceof Error ? error.message : 'unknown fault');
          throw error;
        }
      });
    },
  };
}

function answerSuccess(context: Context, more: object | void): void {
  context.body = { success: 'true', ...more };
}
