/**
 * What the outbox asks of a log of events, and the rules every such log keeps.
 * Rules: a seq is given once and only grows, gaps may be; bytes are complete server-to-client WebSocket frames, one an
 * event; whatever is told to listeners or read is durable; frames of one DID keep their order.
 * Not an implementation: those are the relay's segment files, the PDS's event files and table, and the memory log of tests.
 * Source: ours; invariants 2, 3 and 4.
 */

/** A run of consecutive events. */
export interface EventSlice {
  /** Complete server-to-client WebSocket frames, side by side; not written to by anybody before `release`. */
  readonly bytes: Buffer;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
  /**
   * Gives the buffer back to a log that uses it again for what is read next: called at most once, when nobody reads the
   * bytes any more. A buffer that is not given back is the garbage collector's.
   */
  readonly release?: () => void;
}

/** A log as its readers see it. */
export interface EventLog {
  /** Seq of the newest durable event; 0 (or the initial seq less one) while there is none. */
  headSeq(): number;
  /**
   * Seq from which on every event ever given is still held: one above the newest that was forgotten; headSeq() + 1 when
   * none is held. Where seqs have no gaps this is the oldest event's own; a position below it less one is out of the window.
   */
  oldestSeq(): number;
  /**
   * Gives the events that follow `afterSeq`, at most `maxBytes` of them but at least one even if it is larger;
   * null when nothing follows.
   */
  read(afterSeq: number, maxBytes: number): EventSlice | null | Promise<EventSlice | null>;
  /** Tells of new events once they are durable, in order; gives a function that forgets the listener. */
  onAppend(listener: (slice: EventSlice) => void): () => void;
  /** Seq of the last event before a moment (ms since 1970), for logs that know times. */
  seqAtTime?(ms: number): number | Promise<number>;
}
