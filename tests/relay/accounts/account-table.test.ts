import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { AccountTable } from '@dunlin/relay/accounts/account-table';

const letters = 'abcdefghijklmnopqrstuvwxyz234567';

/** Gives the n-th did:plc of a long list. */
function did(n: number): string {
  let text = '';
  for (let rest = n, i = 0; i < 24; i++, rest = Math.floor(rest / 32)) text += letters.charAt((rest + i) % 32);
  return `did:plc:${text}`;
}

describe('an account table', () => {
  test('finds every account among a hundred thousand and no other, in less than 200 bytes each', () => {
    const table = new AccountTable();
    for (let n = 0; n < 100_000; n++) table.add(did(n), n % 7);
    expect(table.size).toBe(100_000);
    for (let n = 0; n < 100_000; n += 97) expect([table.find(did(n)), table.did(n)]).toEqual([n, did(n)]);
    expect(table.find(did(100_000))).toBe(-1);
    expect(table.byteLength / table.size).toBeLessThan(200);
    expect(table.countOfHost(3)).toBe(14_286);
  });

  test('keeps other DIDs beside did:plc', () => {
    const table = new AccountTable();
    table.add(did(1), 1);
    const row = table.add('did:web:example.com', 2);
    expect(table.find('did:web:example.com')).toBe(row);
    expect(table.did(row)).toBe('did:web:example.com');
    expect(table.find('did:web:example.org')).toBe(-1);
  });

  test('keeps each field of each row apart from all others', () => {
    fc.assert(fc.property(fc.array(fc.record({ at: fc.nat(9), byte: fc.nat(255), local: fc.boolean(), active: fc.boolean() }), { maxLength: 60 }), (writes) => {
      const table = new AccountTable();
      for (let n = 0; n < 10; n++) table.add(did(n), 1);
      const model = new Map<number, (typeof writes)[number]>();
      for (const write of writes) {
        model.set(write.at, write);
        const digest = new Uint8Array(32).fill(write.byte);
        table.setRepo(write.at, { rev: `3kabcdefgh${String(write.byte).padStart(3, '2')}`, data: digest, head: digest });
        table.setKey(write.at, { curve: write.local ? 'k256' : 'p256', bytes: new Uint8Array(33).fill(write.byte) }, write.byte);
        table.setLocal(write.at, write.local ? 'takendown' : 'none');
        table.setUpstream(write.at, write.active, write.active ? 'none' : 'deleted');
      }
      for (let n = 0; n < 10; n++) {
        const write = model.get(n);
        expect(table.did(n)).toBe(did(n));
        expect(table.hostId(n)).toBe(1);
        expect(table.repo(n)?.data[31]).toBe(write?.byte);
        expect(table.rev(n)).toBe(write ? `3kabcdefgh${String(write.byte).padStart(3, '2')}` : null);
        expect(table.key(n)?.bytes[32]).toBe(write?.byte);
        expect(table.isActive(n)).toBe(!write || (write.active && !write.local));
        expect(table.upstream(n)).toBe(!write || write.active ? 'none' : 'deleted');
      }
    }), { numRuns: 40 });
  });

  test('forgets what the old host said when an account moves, and counts it at the new one', () => {
    const table = new AccountTable();
    const row = table.add(did(1), 1);
    table.setUpstream(row, false, 'deactivated');
    table.setHost(row, 2);
    expect([table.isActive(row), table.countOfHost(1), table.countOfHost(2)]).toEqual([true, 0, 1]);
  });

  test('tells each changed row once until it is taken', () => {
    const table = new AccountTable();
    for (let n = 0; n < 5; n++) table.add(did(n), 1);
    table.setLocal(2, 'takendown');
    expect(table.dirtyCount).toBe(5);
    expect(table.takeDirty(3)).toEqual([0, 1, 2]);
    table.setLocal(1, 'takendown');
    expect(table.takeDirty(10)).toEqual([3, 4, 1]);
  });
});
