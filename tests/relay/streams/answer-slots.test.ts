/** Open answers: both bounds, an IPv6 network as one address, and slots that are freed once. */
import { expect, test } from '@jest/globals';
import { AnswerSlots } from '@dunlin/relay/streams/answer-slots';

test('an address has its bound, all have theirs, and what is freed can be taken again', () => {
  const slots = new AnswerSlots({ maxAnswers: 3, maxAnswersPerAddress: 2 });
  const free = slots.take('192.0.2.1');
  slots.take('192.0.2.1');
  expect(() => slots.take('192.0.2.1')).toThrow('too many open streams from this address');
  slots.take('192.0.2.2');
  expect(() => slots.take('192.0.2.3')).toThrow('too many open streams');
  free();
  free();
  slots.take('192.0.2.1');
  expect(() => slots.take('192.0.2.3')).toThrow('too many open streams');
});

test('the addresses of one IPv6 network count as one', () => {
  const slots = new AnswerSlots({ maxAnswers: 9, maxAnswersPerAddress: 1 });
  slots.take('2001:db8::1');
  expect(() => slots.take('2001:db8::2')).toThrow('from this address');
  slots.take('2001:db8:0:1::1');
});
