/**
 * The two kinds of events that do not leave as they came: #account with our status, #identity with a handle we checked.
 * Not for #commit and #sync: their bytes are passed on verbatim but for seq. Fields that we do not know survive here too, while there
 * is room for them.
 * Place in the flow: between verdict and log. Source: ours, docs/invariants.md 15.
 */
import { maxFrameBytes } from '@dunlin/protocol/base/limits';
import { decodeFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import { seqByteLength } from '@dunlin/protocol/stream/replace-seq';

/** An event frame and where its fields are. */
export interface ScannedFrame {
  readonly bytes: Uint8Array;
  readonly scan: FrameScan;
}

/** Gives the #account frame with `active: false` and this status. */
export function withStatus(frame: ScannedFrame, status: string): ScannedFrame {
  return rewrite(frame, { active: false, status });
}

/** Gives the #account frame with what the account's own host says. */
export function withWord(frame: ScannedFrame, { active, status }: { readonly active: boolean; readonly status: string | null }): ScannedFrame {
  return rewrite(frame, { active, status: status ?? undefined });
}

/** Gives the #identity frame with this handle, or with none. The frame itself when it already says so. */
export function withHandle(frame: ScannedFrame, handle: string | null): ScannedFrame {
  if (frame.scan.handle === handle) return frame;
  return rewrite(frame, { handle: handle ?? undefined });
}

function rewrite({ bytes, scan }: ScannedFrame, fields: Record<string, unknown>): ScannedFrame {
  const frame = decodeFrame(bytes);
  if (frame.op !== 1) return { bytes, scan };
  const rewritten = encodeFrame(frame.t, { ...frame.body, ...fields });
  // The host chose how near the bound it came: what our words have no room beside is left out, never the bound.
  const fits = rewritten.length - scan.seqLength + seqByteLength(Number.MAX_SAFE_INTEGER) <= maxFrameBytes;
  const sent = fits ? rewritten : encodeFrame(frame.t, { seq: scan.seq, did: scan.did, time: scan.time, ...fields });
  return { bytes: sent, scan: scanFrame(sent) };
}
