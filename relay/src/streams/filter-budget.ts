/**
 * The bound of all filters together: ten thousand accounts a consumer and ten thousand consumers must not fill the memory.
 * Filters that are equal count once, as they are kept once. Not for the bounds of one filter (filter.ts).
 * Place in the flow: asked before a consumer gets a new filter. Source: ours.
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Filter } from './filter.ts';

/** Memory for filters. */
export class FilterBudget {
  readonly #maxBytes: number;
  readonly #usedBytes: () => number;
  #heldBytes = 0;

  /** `usedBytes` says what the filters of now take. */
  constructor(maxBytes: number, usedBytes: () => number) {
    this.#maxBytes = maxBytes;
    this.#usedBytes = usedBytes;
  }

  /** Tells whether one more filter fits. */
  hasRoomFor(filter: Filter): boolean {
    return this.#usedBytes() + this.#heldBytes + filter.costBytes <= this.#maxBytes;
  }

  /** Counts a filter that no feed counts yet; gives a function that ends it, once. */
  hold({ costBytes }: Filter): () => void {
    let leftBytes = costBytes;
    this.#heldBytes += costBytes;
    return () => {
      this.#heldBytes -= leftBytes;
      leftBytes = 0;
    };
  }

  /** @throws XrpcError 503 when one more does not fit */
  check(filter: Filter): void {
    if (!this.hasRoomFor(filter)) throw new XrpcError(503, 'ServiceUnavailable', 'too many filters here: come back later', { 'retry-after': '30' });
  }
}
