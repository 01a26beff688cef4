/** Faults from what ws and servers say, and in words. */
import { expect, test } from '@jest/globals';
import { faultOfError, faultOfResponse, faultText } from '../../firehose-consumer/src/subscription-fault.ts';

test('an answer in plain HTTP gives what it says, within bounds', () => {
  const long = 'x'.repeat(500);
  expect(faultOfResponse(429, '30', JSON.stringify({ error: 'RateLimitExceeded', message: long }))).toEqual({ kind: 'http', status: 429, error: 'RateLimitExceeded', message: 'x'.repeat(300), retryAfterSeconds: 30 });
  for (const body of ['', '<html>', 'null', '[1]', '{"error":1}']) expect(faultOfResponse(500, 'soon', body)).toEqual({ kind: 'http', status: 500, error: null, message: null, retryAfterSeconds: null });
});

test('an error without words of its own gives those of its first cause', () => {
  const error = new AggregateError([new Error('connect ECONNREFUSED ::1:80')], '');
  expect(faultOfError(error, false, 1)).toEqual({ kind: 'connect', message: 'connect ECONNREFUSED ::1:80' });
});

test('every fault has one line of words', () => {
  expect([
    faultText({ kind: 'connect', message: 'refused' }),
    faultText({ kind: 'http', status: 400, error: 'InvalidRequest', message: 'bad cursor', retryAfterSeconds: null }),
    faultText({ kind: 'http', status: 502, error: null, message: null, retryAfterSeconds: null }),
    faultText({ kind: 'error-frame', error: 'FutureCursor', message: 'Cursor in the future.' }),
    faultText({ kind: 'close', code: 1006, reason: '', frames: 3 }),
    faultText({ kind: 'frame-too-big', maxBytes: 5 }),
    faultText({ kind: 'protocol', message: 'invalid opcode' }),
    faultText({ kind: 'silence', silentMs: 60_000 }),
    faultText({ kind: 'text-frame', bytes: 5 }),
    faultText({ kind: 'cursor', message: 'disk gone' }),
  ]).toEqual([
    'could not connect: refused',
    'handshake answered with http 400: InvalidRequest (bad cursor)',
    'handshake answered with http 502',
    'server error: FutureCursor (Cursor in the future.)',
    'connection closed: code=1006 frames=3',
    'frame over the limit: max=5 bytes',
    'not a websocket stream: invalid opcode',
    'nothing heard: 60000 ms',
    'text frame ignored: 5 bytes',
    'cursor not available: disk gone',
  ]);
});
