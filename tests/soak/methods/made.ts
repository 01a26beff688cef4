/**
 * Input that a method must answer with success, and how it is made.
 * Not for: spoiling it (near-misses.ts) or sending it (prove.ts). Source: ours.
 */
import type { World } from './world.ts';

/** One call that must succeed. */
export interface Made {
  readonly params?: Record<string, unknown>;
  /** JSON, or bytes that are sent as they are with `encoding`. */
  readonly body?: Record<string, unknown> | Buffer;
  readonly encoding?: string;
  readonly headers?: Record<string, string>;
}

/** Makes it anew, with everything that it needs to be there. */
export type Maker = (world: World) => Promise<Made> | Made;

/** Makers by NSID. */
export type Makers = Readonly<Record<string, Maker>>;

/** Headers of whoever has this token. */
export function as({ token }: { readonly token: string }): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** Headers of the PDS's operator. */
export function operator({ pds }: World): { headers: Record<string, string> } {
  return { headers: pds.admin };
}
