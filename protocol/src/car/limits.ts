/**
 * How much a CAR may hold before a reader gives up on it.
 * Place: an argument of car/read and car/read-stream; the defaults are the protocol's (base/limits).
 * Source: ours, invariant 9.
 */
import { maxBlockBytes, maxCarBlocks } from '../base/limits.ts';

/** Bounds of one CAR; what is left out takes the protocol's bound. */
export interface CarLimits {
  /** Most blocks, repeated ones counted each time. */
  readonly maxBlocks?: number;
  /** Longest block, in bytes, its CID not counted. */
  readonly maxBlockBytes?: number;
  /** Longest CAR, in bytes; for streams, whose length nobody knows in advance. */
  readonly maxBytes?: number;
}

/** Gives the limits with nothing left out. */
export function fullLimits(limits: CarLimits): Required<CarLimits> {
  return {
    maxBlocks: limits.maxBlocks ?? maxCarBlocks,
    maxBlockBytes: limits.maxBlockBytes ?? maxBlockBytes,
    maxBytes: limits.maxBytes ?? Infinity,
  };
}
