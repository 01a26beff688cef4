/**
 * Everything this package promises to its users; the only file of it that other packages import.
 * Not for: code of its own.
 * Source: ours, see firehose-consumer/README.md.
 */
export { Backoff } from './backoff.ts';
export type { BackoffOptions } from './backoff.ts';
export { FirehoseError } from './errors.ts';
export type { FirehoseErrorCode } from './errors.ts';
export { subscribeReposPath, subscriptionUrl } from './service-url.ts';
export { Subscription } from './subscription.ts';
export type { SubscriptionOptions, SubscriptionState } from './subscription.ts';
export { faultText } from './subscription-fault.ts';
export type { SubscriptionFault } from './subscription-fault.ts';
