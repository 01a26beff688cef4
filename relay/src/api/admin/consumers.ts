/**
 * What operators ask about consumers and about each other: who listens, and what was done.
 * Not for changing anything. Place in the flow: admin API.
 * Source: /admin/consumers/list with the field names of the indigo relay beside ours; /admin/audit is ours.
 */
import type { AuditLog } from '../../audit/audit-log.ts';
import type { ListedConsumer } from '../../fanout/messages.ts';
import type { AdminRoutes } from './acts.ts';
import { pageOf } from './input.ts';

/** What these read. */
export interface ConsumerAsksParts {
  readonly consumers: () => Promise<readonly ListedConsumer[]>;
  readonly audit: AuditLog;
}

const maxActsPerPage = 500;

/** Adds the routes. */
export function addConsumerRoutes({ ask }: AdminRoutes, { consumers, audit }: ConsumerAsksParts): void {
  ask('/admin/consumers/list', async () => (await consumers()).map((consumer, id) => ({
    id, remote_addr: consumer.ip, user_agent: '', events_consumed: consumer.sentEvents, connected_at: new Date(consumer.connectedAtMs).toISOString(), ...consumer,
  })));
  ask('/admin/audit', (params) => {
    const { limit, cursor } = pageOf(params, maxActsPerPage);
    const acts = audit.page(cursor ?? Number.MAX_SAFE_INTEGER, limit);
    const last = acts.at(-1);
    return { acts: acts.map(({ atMs, ...act }) => ({ ...act, at: new Date(atMs).toISOString() })), ...(last && acts.length === limit && { cursor: String(last.id) }) };
  });
}
