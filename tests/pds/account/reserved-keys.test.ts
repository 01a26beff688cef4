/** Reserved keys when there are too many: whose gives way, and whose does not. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { networkKey } from '@dunlin/service/http/client-address';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { maxReservedKeys, reservedKeyLifeMs, ReservedKeys } from '../../../pds/src/account/reserved-keys.ts';
import { accountSchema, accountSchema2, accountSchema3, accountSchema4 } from '../../../pds/src/account/schema.ts';

let clock: ManualClock;
let database: Database;
let keys: ReservedKeys;
beforeEach(() => {
  clock = new ManualClock();
  database = openDatabase(':memory:', { migrations: [accountSchema, accountSchema2, accountSchema3, accountSchema4] });
  keys = new ReservedKeys(database, clock);
});
afterEach(() => void database.close());

const [honest, flooding, third] = ['2001:db8:1::1', '2001:db8:2::1', '203.0.113.9'];
const reserve = (did: string, ip: string): string => {
  clock.advance(1);
  return keys.reserve(did, ip).did;
};
const keyOf = (did: string): string | undefined => keys.find(did)?.did;
const count = (): unknown => database.prepare('SELECT count(*) FROM reserved_key').pluck().get();

const holderOf = (did: string): unknown => database.prepare('SELECT asker FROM reserved_key WHERE did = ?').pluck().get(did);

/** Rows as they would be after so many calls; making so many keys takes seconds. */
function fill(rows: number, askerOf: (row: number) => string): void {
  const insert = database.prepare('INSERT INTO reserved_key (did_key, did, private_key, created_at, asker) VALUES (?, ?, ?, ?, ?)');
  clock.advance(1);
  for (let row = 1; row <= rows; row++) insert.run(`did:key:${row}`, `did:web:row${row}`, Buffer.alloc(32, 1), clock.nowMs(), askerOf(row));
}
const flood = (rows: number): void => fill(rows, () => networkKey(flooding));

test('a flood displaces itself, newest first, and nobody who asked for few', () => {
  const mine = [reserve('did:web:mine1', honest), reserve('did:web:mine2', honest)];
  flood(maxReservedKeys - 2);
  expect([count(), keyOf(`did:web:row${maxReservedKeys - 2}`)]).toEqual([maxReservedKeys, expect.any(String)]);
  const late = reserve('did:web:late', third);
  const last = reserve('did:web:last', '2001:db8:2:ffff::9');
  expect(['did:web:mine1', 'did:web:mine2', 'did:web:late', 'did:web:last'].map(keyOf)).toEqual([...mine, late, last]);
  expect([2, 3, 4].map((back) => keyOf(`did:web:row${maxReservedKeys - back}`))).toEqual([undefined, undefined, expect.any(String)]);
  expect(count()).toBe(maxReservedKeys);
});

test('a flood does not take along a key of another that it began with', () => {
  const first = reserve('did:web:mine', flooding);
  expect(reserve('did:web:mine', honest)).toBe(first);
  flood(maxReservedKeys - 1);
  reserve('did:web:more', third);
  expect([count(), keyOf('did:web:mine')]).toEqual([maxReservedKeys, first]);
});

test('a key counts for who has fewer of all who asked for it', () => {
  flood(2);
  const key = reserve('did:web:mine', flooding);
  reserve('did:web:a', honest);
  reserve('did:web:b', honest);
  expect([reserve('did:web:mine', honest), holderOf('did:web:mine')]).toEqual([key, networkKey(flooding)]);
  reserve('did:web:c', third);
  expect([reserve('did:web:mine', third), holderOf('did:web:mine')]).toEqual([key, third]);
  expect([reserve('did:web:mine', '203.0.113.10'), holderOf('did:web:mine')]).toEqual([key, '203.0.113.10']);
  expect([reserve('did:web:mine', '203.0.113.11'), holderOf('did:web:mine')]).toEqual([key, '203.0.113.10']);
});

test('of networks with one each the oldest gives way, and what is a month old goes by itself', () => {
  const [, next] = [reserve('did:web:oldest', honest), reserve('did:web:next', third)];
  fill(maxReservedKeys - 2, (row) => `network ${row}`);
  const fresh = reserve('did:web:fresh', '203.0.113.10');
  expect([count(), ...['did:web:oldest', 'did:web:next', 'did:web:fresh'].map(keyOf)]).toEqual([maxReservedKeys, undefined, next, fresh]);
  clock.advance(reservedKeyLifeMs - 1);
  expect([keyOf('did:web:next'), keyOf('did:web:fresh')]).toEqual([undefined, fresh]);
  clock.advance(1);
  expect(keyOf('did:web:fresh')).toBeUndefined();
});
