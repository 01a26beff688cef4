/**
 * Everything this package promises to its users; the only file of it that other packages import.
 * Not for: code of its own.
 * Place in the flow: the front door.
 * Source: ours, see firehose-consumer/README.md.
 */
export { listedAccounts } from './account-lists.ts';
export type { AccountListOptions, AccountSource, AccountSourceParts } from './account-lists.ts';
export { Backoff } from './backoff.ts';
export type { BackoffOptions } from './backoff.ts';
export type { BatchHandler } from './batch-delivery.ts';
export { FirehoseConsumer } from './consumer.ts';
export type { ConsumerStats } from './consumer.ts';
export type { ContinuityOptions } from './continuity-options.ts';
export { fileCursor, memoryCursor } from './cursor-store.ts';
export type { CursorStore } from './cursor-store.ts';
export { FirehoseError } from './errors.ts';
export type { FirehoseErrorCode } from './errors.ts';
export type { AccountEvent, CommitEvent, ConsumerEvent, EventBase, EventBatch, IdentityEvent, RecordEvent, RecordOperation, SyncEvent } from './events.ts';
export type { EventKind, FilterOptions } from './filter.ts';
export type { EventHandler } from './handler-delivery.ts';
export { memoryLedger } from './ledger.ts';
export type { Ledger, LedgerAccount, LedgerChange, LedgerRecord } from './ledger.ts';
export type { ConsumerCounter, ConsumerMetrics } from './metrics.ts';
export { recordDropReasons } from './notice.ts';
export type { Drop, Notice } from './notice.ts';
export type { ConsumerOptions } from './options.ts';
export { subscribeReposPath, subscriptionUrl } from './service-url.ts';
export { Subscription } from './subscription.ts';
export type { SubscriptionOptions, SubscriptionState } from './subscription.ts';
export { faultText } from './subscription-fault.ts';
export type { SubscriptionFault } from './subscription-fault.ts';
