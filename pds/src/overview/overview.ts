/**
 * The state of the server in figures, for its operator: accounts, events, readers, room.
 * What takes long to add up is remembered for a minute. Not for Prometheus (`metrics.ts`), nor for what relays and mail servers say
 * (`neighbours.ts`). Source: ours.
 */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Outbox } from '@dunlin/service/firehose/outbox';
import type { AccountStore } from '../account/account-store.ts';
import type { BlobFigures, BlobSums } from '../blob/blob-figures.ts';
import type { EventRate } from '../sequencer/event-rate.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';

/** How long sums are remembered, in ms. */
export const sumsLifeMs = 60_000;

/** Where things lie. */
export interface OverviewFolders {
  readonly data: string;
  readonly blobs: string;
}

/** Reads figures. */
export class Overview {
  readonly #accounts: AccountStore;
  readonly #blobFigures: BlobFigures;
  readonly #sequencer: Sequencer;
  readonly #eventRate: EventRate;
  readonly #outbox: Outbox;
  readonly #folders: OverviewFolders;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #sums: { readonly sums: Promise<BlobSums>; readonly untilMs: number } | null = null;

  constructor(o: {
    accounts: AccountStore; blobFigures: BlobFigures; sequencer: Sequencer; eventRate: EventRate; outbox: Outbox; folders: OverviewFolders; clock: Clock;
  }) {
    this.#accounts = o.accounts;
    this.#blobFigures = o.blobFigures;
    this.#sequencer = o.sequencer;
    this.#eventRate = o.eventRate;
    this.#outbox = o.outbox;
    this.#folders = o.folders;
    this.#clock = o.clock;
    this.#startedAtMs = o.clock.nowMs();
  }

  /** Gives the figures of now. */
  async read() {
    const { held, unused } = await this.#blobs();
    const [database, data, blobs] = await Promise.all([this.#databaseBytes(), free(this.#folders.data), free(this.#folders.blobs)]);
    return {
      startedAtMs: this.#startedAtMs,
      accounts: this.#accounts.countByState(),
      events: {
        headSeq: this.#sequencer.headSeq(), oldestSeq: this.#sequencer.oldestSeq(), perMinute: this.#eventRate.lastMinute(),
        readers: this.#outbox.consumers(),
      },
      storage: { databaseBytes: database, eventBytes: this.#sequencer.fileBytes(), blobs: held, unusedBlobs: unused },
      disk: { data, blobs },
    };
  }

  /** One adding up at a time, whoever asks. */
  #blobs(): Promise<BlobSums> {
    const nowMs = this.#clock.elapsedMs();
    if (this.#sums === null || this.#sums.untilMs <= nowMs) {
      const sums = this.#blobFigures.all();
      this.#sums = { sums, untilMs: nowMs + sumsLifeMs };
      sums.catch(() => (this.#sums = null));
    }
    return this.#sums.sums;
  }

  /** The database with what is not yet moved into it. */
  async #databaseBytes(): Promise<number> {
    const sizes = await Promise.all(['pds.sqlite', 'pds.sqlite-wal'].map((name) => stat(join(this.#folders.data, name)).then(({ size }) => size, () => 0)));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
}

/** Room on the disk of a folder, for whoever is not root; null when the file system does not say. */
async function free(folder: string): Promise<{ freeBytes: number; totalBytes: number } | null> {
  const found = await statfs(folder).catch(() => null);
  return found && { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
}
