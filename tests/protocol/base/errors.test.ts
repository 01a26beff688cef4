import { expect, test } from '@jest/globals';
import { assert, AssertionFailure } from '@dunlin/protocol/base/assert';
import { ProtocolError } from '@dunlin/protocol/base/errors';

test('a protocol error carries its code, its message and its cause', () => {
  const cause = new Error('below');
  const error = new ProtocolError('InvalidCid', 'not a cid: length=3', { cause });
  expect(error).toMatchObject({ name: 'ProtocolError', code: 'InvalidCid', message: 'not a cid: length=3', cause });
});

test('an assertion passes on what is true and throws on what is not', () => {
  expect(() => assert(1, 'fine')).not.toThrow();
  for (const falsy of [0, '', null, undefined, false]) expect(() => assert(falsy, 'cannot be')).toThrow(AssertionFailure);
});
