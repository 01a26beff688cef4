/**
 * How many HTTP answers may be open at once, in all and for one address: /events and /poll hold a socket for long.
 * Not for WebSockets: their server counts them. Place in the flow: asked before an answer begins.
 * Source: ours; an IPv6 /64 counts as one address.
 */
import { limitKey } from '@dunlin/service/http/client-address';
import { XrpcError } from '@dunlin/service/xrpc/errors';

/** Bounds. */
export interface AnswerLimits {
  readonly maxAnswers: number;
  readonly maxAnswersPerAddress: number;
}

/** Open answers. */
export class AnswerSlots {
  readonly #limits: AnswerLimits;
  readonly #perAddress = new Map<string, number>();
  #count = 0;

  constructor(limits: AnswerLimits) {
    this.#limits = limits;
  }

  /** Takes a slot; gives what frees it again. @throws XrpcError 429 or 503 when there is none */
  take(ip: string): () => void {
    const key = limitKey(ip);
    const ofAddress = this.#perAddress.get(key) ?? 0;
    if (ofAddress >= this.#limits.maxAnswersPerAddress) throw new XrpcError(429, 'RateLimitExceeded', 'too many open streams from this address', { 'retry-after': '30' });
    if (this.#count >= this.#limits.maxAnswers) throw new XrpcError(503, 'ServiceUnavailable', 'too many open streams', { 'retry-after': '30' });
    this.#count += 1;
    this.#perAddress.set(key, ofAddress + 1);
    let isFree = false;
    return () => {
      if (isFree) return;
      isFree = true;
      this.#count -= 1;
      const left = (this.#perAddress.get(key) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(key, left);
      else this.#perAddress.delete(key);
    };
  }
}
