/**
 * What a feed needs of the place a consumer's bytes go to, and the sink that a WebSocket is.
 * Not for HTTP answers (event-source.ts, poll.ts). Place in the flow: the last hop of every stream.
 * Source: ours; close codes of protocol/stream/close-codes.ts.
 */
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import type { WebSocketConnection } from '@dunlin/service/websocket/connection';

/** Why a consumer is cut: it took nothing for too long, its place fell out of the window, we failed, or we are closing. */
export type CutReason = 'stalled' | 'window' | 'failed' | 'closing';

/** Where bytes go. */
export interface Sink {
  readonly ip: string;
  /** Bytes that have left this process; grows while the other side reads at all. */
  readonly deliveredBytes: number;
  readonly bufferedBytes: number;
  /** Takes a run of events up to `lastSeq`; false means wait for a drain. The bytes may be shared with others. */
  send(bytes: Buffer, lastSeq: number): boolean;
  onDrain(listener: () => void): void;
  /** Told once when the other side is gone; at once when it already is. */
  onClose(listener: () => void): void;
  /** Told, by feeds of such sinks, that it has everything there is for now. */
  onLive?(seq: number): void;
  /** Ends it, with a reason for the other side. */
  cut(reason: CutReason): void;
}

const closings = {
  stalled: [closeCodes.policyViolation, 'ConsumerTooSlow'],
  window: [closeCodes.policyViolation, 'ConsumerTooSlow'],
  failed: [closeCodes.internalError, 'internal error'],
  closing: [closeCodes.goingAway, 'server is going away'],
} as const;

/** Gives a WebSocket as a sink; `lastWord` makes a frame that is sent in front of the close, if any. */
export function webSocketSink(connection: WebSocketConnection, lastWord: (reason: CutReason) => Buffer | null = () => null): Sink {
  return {
    ip: connection.ip,
    get deliveredBytes() {
      return connection.deliveredBytes;
    },
    get bufferedBytes() {
      return connection.bufferedBytes;
    },
    send: (bytes) => connection.sendFrames(bytes),
    onDrain: (listener) => connection.onDrain(listener),
    onClose: (listener) => connection.onClose(listener),
    cut: (reason) => {
      const word = lastWord(reason);
      if (word !== null) connection.sendFrames(word);
      const [code, text] = closings[reason];
      connection.close(code, text);
    },
  };
}
