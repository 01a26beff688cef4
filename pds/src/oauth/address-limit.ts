/**
 * What one address may ask of the sign-in pages, the provider's and ours.
 * Not for XRPC, whose limits stand with its methods (`api/limits.ts`).
 * Source: ours.
 */
import type { Context } from '@dunlin/service/http/app';
import { clientAddress, limitKey } from '@dunlin/service/http/client-address';
import { spend, type RateLimiter } from '@dunlin/service/http/rate-limit';

/** Counts a question against its address; without a limiter there is no bound. @throws XrpcError 429 */
export function spendOfAddress(limiter: RateLimiter | null, context: Context): void {
  if (limiter === null) return;
  spend({ limiter, key: () => limitKey(clientAddress(context.req)) }, { setHeader: (name, value) => context.set(name, value) });
}
