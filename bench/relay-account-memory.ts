/**
 * What a known account costs a relay in memory: half a million accounts with a repository and a key each in the account table,
 * by what is alive in heap and buffers after a collection, against a Map of plain objects with the same in it. Each is filled
 * in a process of its own; the resident memory, in which V8 keeps room for garbage, is a detail. Prints a JSON line.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { AccountTable } from '@dunlin/relay/accounts/account-table';

const accounts = 500_000;
const letters = 'abcdefghijklmnopqrstuvwxyz234567';
const rev = '3lzzzzzzzzz22';

/** Gives the DID of a number, spread as digests are. */
function didOf(n: number): string {
  let did = 'did:plc:';
  let state = n + 1;
  for (let at = 0; at < 24; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    did += letters[state >>> 27];
  }
  return did;
}

const digest = (n: number, length: number): Uint8Array => new Uint8Array(length).fill(n & 255);

const fillers = {
  table(): { held: unknown; knownBytes: number } {
    const table = new AccountTable();
    for (let n = 0; n < accounts; n++) {
      const row = table.add(didOf(n), 1 + (n % 1_000));
      table.setRepo(row, { rev, data: digest(n, 32), head: digest(n, 32) });
      table.setKey(row, { curve: 'k256', bytes: digest(n, 33) }, n);
      if (n % 1_000 === 0) table.takeDirty(1_000);
    }
    return { held: table, knownBytes: table.byteLength };
  },
  map(): { held: unknown; knownBytes: number } {
    const map = new Map<string, object>();
    for (let n = 0; n < accounts; n++) {
      map.set(didOf(n), { hostId: 1 + (n % 1_000), local: 'none', upstream: 'none', isActive: true, rev: `${rev}${n}`, data: digest(n, 32), head: digest(n, 32), key: { curve: 'k256', bytes: digest(n, 33) }, keyCheckedSeconds: n });
    }
    return { held: map, knownBytes: 0 };
  },
};
type Kind = keyof typeof fillers;

const kind = process.argv[2] as Kind | undefined;
if (kind === undefined) await compare();
else {
  const memory = (): { live: number; rss: number } => {
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { live: heapUsed + external, rss };
  };
  const before = memory();
  const { held, knownBytes } = fillers[kind]();
  const after = memory();
  process.send?.({ bytesEach: (after.live - before.live) / accounts, residentBytesEach: (after.rss - before.rss) / accounts, knownBytesEach: knownBytes / accounts, isHeld: held !== null });
}

interface Figures {
  readonly bytesEach: number;
  readonly residentBytesEach: number;
  /** What the table itself says it holds. */
  readonly knownBytesEach: number;
}

async function figuresOf(each: Kind): Promise<Figures> {
  const child = fork(import.meta.filename, [each], { execArgv: ['--no-warnings', '--expose-gc'] });
  const [figures] = await once(child, 'message');
  return figures as Figures;
}

async function compare(): Promise<void> {
  const [table, map] = [await figuresOf('table'), await figuresOf('map')];
  process.stdout.write(`${JSON.stringify({
    bench: 'relay-account-memory', figure: Math.round(table.bytesEach), unit: 'bytes alive for a known account', ratio: Number((table.bytesEach / map.bytesEach).toFixed(3)),
    against: `a Map of plain objects, ${Math.round(map.bytesEach)} bytes`, goal: 200, detail: { bytesOfRowsAndIndex: Math.round(table.knownBytesEach), residentBytes: Math.round(table.residentBytesEach), residentBytesOfMap: Math.round(map.residentBytesEach), accounts },
  })}\n`);
}
