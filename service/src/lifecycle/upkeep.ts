/**
 * Work that a service does every now and then beside what it is for: looking for what is old, or due, or left over.
 * It is never done twice at once, and it ends with what is under way, so that nothing of it meets a closed database.
 * Not for timers whose work is over in the same turn. Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';

/** Work that is done again and again. */
export interface Upkeep {
  /** Asks for the work soon; asked for while it is under way, it is done once more afterwards. Nobody waits for it. */
  nudge(): void;
  /** Ends it: what is under way is told by its signal, and waited for. */
  end(): Promise<void>;
}

/** Does work every `everyMs`, for the first time then; `onFault` is told of what it throws. */
export function startUpkeep(o: { clock: Clock; everyMs: number; work: (signal: AbortSignal) => Promise<unknown>; onFault: (fault: unknown) => void }): Upkeep {
  const ending = new AbortController();
  let isDue = false;
  let working: Promise<void> | null = null;
  const work = async (): Promise<void> => {
    while (isDue && !ending.signal.aborted) {
      isDue = false;
      await o.work(ending.signal).catch(o.onFault);
    }
    working = null;
  };
  const nudge = (): void => {
    isDue = true;
    working ??= work();
  };
  const timer = o.clock.every(o.everyMs, nudge, { unref: true });
  return {
    nudge,
    async end() {
      timer.cancel();
      ending.abort(new Error('service is closing'));
      await working;
    },
  };
}
