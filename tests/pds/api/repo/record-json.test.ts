/** The JSON of listed records, written from packed rows, against decoding each record and JSON.stringify. */
import { afterAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { decode, encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { toJson } from '@dunlin/protocol/data/json';
import { recordJson, recordsJson } from '@dunlin/pds/api/repo/record-json';
import { RecordStore } from '@dunlin/pds/repo/record-store';
import { pdsMigrations } from '@dunlin/pds/wiring/stores';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { anyValue } from '../../../harness/data-model-values.ts';

const did = 'did:plc:abcdefghijklmnopqrstuvwx';
const collection = 'app.dunlin.test.note';
const database = openDatabase(':memory:', { migrations: pdsMigrations });
const records = new RecordStore(database);
afterAll(() => void database.close());

interface Put {
  rkey: string;
  bytes: Uint8Array;
}

const keyCharacters = [...'0123456789abcXYZ.-_:~'];
const anyRkey = fc.string({ unit: fc.constantFrom(...keyCharacters), minLength: 1, maxLength: 20 });
const anyPut = fc.record({ rkey: anyRkey, value: anyValue() }).map(({ rkey, value }): Put => ({ rkey, bytes: encode({ $type: collection, zero: '\u0000', value }) }));
const anyPuts = fc.uniqueArray(anyPut, { selector: ({ rkey }) => rkey, maxLength: 12 });

function store(accountId: number, puts: readonly Put[]): void {
  records.removeAll(accountId);
  for (const { rkey, bytes } of puts) records.put(accountId, { collection, rkey, cid: cidForCbor(bytes).bytes, rev: '3kabcdefghijk', bytes });
}

function viewOf({ rkey, bytes }: Put): unknown {
  return { uri: `at://${did}/${collection}/${rkey}`, cid: cidForCbor(bytes).toString(), value: toJson(decode(bytes)) };
}

test('a page is what decoding its records gives, in either order, from any cursor, up to its limit', () => {
  fc.assert(fc.property(anyPuts, fc.boolean(), fc.option(anyRkey), fc.integer({ min: 1, max: 14 }), (puts, reverse, cursor, limit) => {
    store(1, puts);
    const wanted = puts
      .toSorted((a, b) => (a.rkey < b.rkey === reverse ? -1 : 1))
      .filter(({ rkey }) => cursor === null || (reverse ? rkey > cursor : rkey < cursor))
      .slice(0, limit);
    const json = recordsJson({ did, collection }, records.list(1, { collection, limit, cursor, reverse })).toString();
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ records: wanted.map(viewOf), ...(wanted.length > 0 && { cursor: wanted.at(-1)!.rkey }) })));
  }), { numRuns: 300 });
});

test('a single record is what decoding it gives', () => {
  fc.assert(fc.property(anyPut, (put) => {
    store(2, [put]);
    const packed = records.findPacked(2, collection, put.rkey);
    expect(JSON.parse(recordJson({ did, collection }, packed!).toString())).toEqual(JSON.parse(JSON.stringify(viewOf(put))));
  }));
});

test('records that were taken down are in no page and are not found', () => {
  const put = (rkey: string): Put => ({ rkey, bytes: encode({ rkey }) });
  store(3, [put('a'), put('b'), put('c')]);
  records.setTakedown(3, { collection, rkey: 'c' }, 'ref');
  const page = recordsJson({ did, collection }, records.list(3, { collection, limit: 2, cursor: null, reverse: false }));
  expect(JSON.parse(page.toString())).toEqual({ records: [viewOf(put('b')), viewOf(put('a'))], cursor: 'a' });
  expect(records.findPacked(3, collection, 'c')).toBeNull();
});

test('a page of nothing has no cursor', () => {
  store(4, []);
  expect(recordsJson({ did, collection }, records.list(4, { collection, limit: 50, cursor: null, reverse: false })).toString()).toBe('{"records":[]}');
});
