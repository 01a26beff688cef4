/**
 * Watches this process's memory over a long run and judges whether it grew: what is held after a collection, and what the system
 * has given it beyond pages the engine keeps free for its next objects: those come and go by the hundred megabytes, as it sees fit.
 * What a run takes while it warms up is left out; of the rest, the last third is compared with the first.
 * Not for: finding out what grew (a heap snapshot is for that). Source: ours.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
// A context that was there before the flag has no such function.
const collect = runInNewContext('gc') as () => void;

/** Share of the looks that count as warming up. */
const warmUp = 0.25;
/** Fewer looks than this after warming up say nothing. */
const fewestLooks = 6;
/** How much more of the system than of the heap may be held: an allocator keeps pages that are free in part. */
const systemSlack = 2;

interface Look {
  /** Objects. */
  readonly heapBytes: number;
  /** What objects hold outside of the heap: buffers, databases. */
  readonly externalBytes: number;
  /** What the system has given, without the free part of the heap. */
  readonly residentBytes: number;
}

/** A figure in bytes; that of a third is its median. */
interface Thirds {
  readonly firstThird: number;
  readonly lastThird: number;
  readonly highest: number;
}

/** What was seen, in bytes. */
export interface MemoryReport {
  readonly looks: number;
  readonly warmUpLooks: number;
  readonly heap: Thirds;
  readonly external: Thirds;
  readonly resident: Thirds;
  readonly maxHeapGrowth: number;
  readonly maxResidentGrowth: number;
  /** Null when there were too few looks to tell. */
  readonly isFlat: boolean | null;
}

/** Looks now and then; a leap beyond the bound is a fault at once, a slow growth is one at the end. */
export class FlatMemory {
  readonly #maxGrowth: number;
  readonly #looks: Look[] = [];

  /** `maxGrowthBytes` is for what is held; the process may take twice that of the system. */
  constructor(maxGrowthBytes: number) {
    this.#maxGrowth = maxGrowthBytes;
  }

  /** Collects and looks once. @throws when more than four times the bound came since the third look */
  look(): void {
    collect();
    // Buffers of the last collection are given back in the course of the next.
    collect();
    const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
    this.#looks.push({ heapBytes: heapUsed, externalBytes: external, residentBytes: rss - (heapTotal - heapUsed) });
    const base = Math.max(...this.#looks.slice(0, 3).map(heldBytes));
    if (heapUsed + external - base > 4 * this.#maxGrowth) throw new Error(`memory grew: bytes=${heapUsed + external} first=${base} max growth=${this.#maxGrowth}`);
  }

  /** What was seen so far. */
  get report(): MemoryReport {
    const warmUpLooks = Math.ceil(this.#looks.length * warmUp);
    const settled = this.#looks.slice(warmUpLooks);
    const third = Math.max(1, Math.floor(settled.length / 3));
    const of = (figure: (look: Look) => number): Thirds => ({
      firstThird: median(settled.slice(0, third).map(figure)), lastThird: median(settled.slice(-third).map(figure)), highest: Math.max(0, ...this.#looks.map(figure)),
    });
    const [held, heap, external, resident] = [of(heldBytes), of(({ heapBytes }) => heapBytes), of(({ externalBytes }) => externalBytes), of(({ residentBytes }) => residentBytes)];
    const [maxHeapGrowth, maxResidentGrowth] = [this.#maxGrowth, systemSlack * this.#maxGrowth];
    const isFlat = settled.length < fewestLooks ? null : held.lastThird - held.firstThird <= maxHeapGrowth && resident.lastThird - resident.firstThird <= maxResidentGrowth;
    return { looks: this.#looks.length, warmUpLooks, heap, external, resident, maxHeapGrowth, maxResidentGrowth, isFlat };
  }

  /** Gives the report as JSON. @throws when memory grew from the first third to the last */
  judge(): string {
    const report = JSON.stringify(this.report);
    if (this.report.isFlat === false) throw new Error(`memory grew: ${report}`);
    return report;
  }
}

/** What is held after a collection. */
function heldBytes({ heapBytes, externalBytes }: Look): number {
  return heapBytes + externalBytes;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
