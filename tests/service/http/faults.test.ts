/** Tests of answers to faults that pass by themselves or by the operator's hand. */
import { expect, test } from '@jest/globals';
import { toFault } from '@dunlin/service/http/faults';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

test('a database without room is answered with 503 and told to the log', () => {
  const database = openDatabase(':memory:', { migrations: ['CREATE TABLE page (bytes BLOB) STRICT'], pragmas: { max_page_count: 8 } });
  const thrown = thrownBy(() => database.prepare('INSERT INTO page VALUES (zeroblob(100000))').run());
  database.close();
  expect(toFault(thrown)).toEqual({ status: 503, error: 'NotEnoughResources', message: 'the disk of this server is full: nothing was changed, try again later', headers: { 'retry-after': '30' }, isUnexpected: true });
});

test('a disk without room is found behind what was thrown, as far as four causes', () => {
  const behind = (causes: number): Error => (causes === 0 ? Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }) : new Error('upload', { cause: behind(causes - 1) }));
  expect([0, 3, 4].map((causes) => toFault(behind(causes)).status)).toEqual([503, 503, 500]);
});

test('an error meant for the caller stays as it is, and any other tells nothing', () => {
  expect(toFault(new XrpcError(502, 'UpstreamFailure', 'gone', {}, { cause: Object.assign(new Error('x'), { code: 'ENOSPC' }) }))).toMatchObject({ status: 502, error: 'UpstreamFailure', isUnexpected: false });
  expect(toFault(Object.assign(new Error('/secret/path'), { code: 'EACCES' }))).toEqual({ status: 500, error: 'InternalServerError', message: 'Internal Server Error', headers: {}, isUnexpected: true });
});
