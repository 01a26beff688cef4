/** Both ledgers say the same whatever is written; the one on disk still does when it is opened again, and refuses a second user. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { memoryLedger } from '../../firehose-consumer/src/index.ts';
import type { Ledger, LedgerChange } from '../../firehose-consumer/src/index.ts';
import { sqliteLedger } from '../../firehose-consumer/src/sqlite-ledger.ts';
import { temporaryFolder } from '../harness/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const dids = ['did:web:a.test', 'did:web:b.test'];
const cid = fc.nat(3).map((value) => cidForCbor(new Uint8Array([value])));
const did = fc.constantFrom(...dids);
const path = fc.constantFrom('app.a/1', 'app.a/10', 'app.a/2', 'app.b/A', 'app.b/a');
const rev = fc.constantFrom('3jzfcijpj2z2a', '3jzfcijpj2z2b', '3jzfcijpj2z2c');
const head = fc.record({ rev, data: cid });
const change = fc.oneof(
  fc.record({ kind: fc.constant('telling' as const), did, paths: fc.array(path, { maxLength: 3 }), rev: fc.option(rev) }),
  fc.record({ kind: fc.constant('told' as const), did, records: fc.array(fc.record({ path, cid: fc.option(cid) }), { maxLength: 3 }), head: fc.option(head) }),
  fc.record({ kind: fc.constantFrom('doubt' as const, 'forget' as const), did }),
  fc.record({ kind: fc.constant('stale' as const), did, rev: fc.option(rev) }),
  fc.record({ kind: fc.constant('synced' as const), did, head }),
  fc.record({ kind: fc.constant('status' as const), did, isActive: fc.boolean() }),
  fc.record({ kind: fc.constant('mark' as const), name: fc.constantFrom('x', 'y'), value: fc.string() }),
);

async function all(ledger: Ledger): Promise<unknown> {
  const text = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_key, each: unknown) => (typeof each === 'object' && each !== null && 'asCID' in each ? String(each) : each)));
  return text([
    ...(await Promise.all(dids.map(async (each) => [await ledger.account(each), await ledger.records(each, '', 100), await ledger.records(each, 'app.a/10', 2)]))),
    await ledger.stale('', 10), await ledger.stale(dids[0] as string, 10), await ledger.stale('', 1), await ledger.mark('x'), await ledger.mark('y'),
  ]);
}

test('memory and disk say the same, and the disk says it again after it was opened anew', async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 8 }), fc.boolean(), async (groups, isAllStale) => {
      const file = join(folder.path, `${++count}.db`);
      const memory = memoryLedger();
      let disk = sqliteLedger(file);
      try {
        for (const group of groups as LedgerChange[][]) for (const ledger of [memory, disk]) await ledger.write(group);
        if (isAllStale) for (const ledger of [memory, disk]) await ledger.staleAll();
        expect(await all(disk)).toEqual(await all(memory));
        disk.close();
        disk = sqliteLedger(file);
        expect(await all(disk)).toEqual(await all(memory));
      } finally {
        disk.close();
      }
    }),
    { numRuns: 40 },
  );
});

describe('a ledger on disk', () => {
  test('writes a group whole or not at all', () => {
    const ledger = sqliteLedger(join(folder.path, 'ledger.db'));
    const broken = { kind: 'stale', did: null, rev: null } as unknown as LedgerChange;
    expect(() => ledger.write([{ kind: 'mark', name: 'x', value: 'kept' }, broken])).toThrow();
    expect(ledger.mark('x')).toBeNull();
    void ledger.write([{ kind: 'mark', name: 'x', value: 'kept' }]);
    expect(ledger.mark('x')).toBe('kept');
    ledger.close();
  });

  test('belongs to one user, and to no older version', () => {
    const file = join(folder.path, 'ledger.db');
    const ledger = sqliteLedger(file);
    expect(() => sqliteLedger(file)).toThrow('ledger cannot be opened');
    ledger.close();
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => sqliteLedger(file)).toThrow('newer version');
  });
});
