/** The words a handle may be made of. */
import { expect, test } from '@jest/globals';
import { assert, constantFrom, property, stringMatching } from 'fast-check';
import { judgeHandle } from '../../../pds/src/account/handle-rules.ts';

const domains = ['.pds.example.org', '.test'];

test.each([
  ['abc.test', { kind: 'local', handle: 'abc.test' }],
  ['ABC.pds.example.org', { kind: 'local', handle: 'abc.pds.example.org' }],
  [`${'a'.repeat(18)}.test`, { kind: 'local', handle: `${'a'.repeat(18)}.test` }],
  ['someone.org', { kind: 'external', handle: 'someone.org' }],
  ['pds.example.org', { kind: 'external', handle: 'pds.example.org' }],
  ['ab.test', { kind: 'refused', error: 'InvalidHandle', message: 'Handle too short' }],
  [`${'a'.repeat(19)}.test`, { kind: 'refused', error: 'InvalidHandle', message: 'Handle too long' }],
  ['a.bcd.test', { kind: 'refused', error: 'InvalidHandle', message: 'Invalid characters in handle' }],
  ['support.test', { kind: 'refused', error: 'HandleNotAvailable', message: 'Reserved handle' }],
  ['someone.local', { kind: 'refused', error: 'InvalidHandle', message: 'Handle TLD is invalid or disallowed' }],
  ['no handle', { kind: 'refused', error: 'InvalidHandle', message: 'Input/handle must be a valid handle' }],
])('%s', (handle, verdict) => {
  expect(judgeHandle(handle, { domains })).toEqual(verdict);
});

test('an operator may give reserved labels away, and nothing else that is refused', () => {
  expect(judgeHandle('support.test', { domains, allowReserved: true }).kind).toBe('local');
  expect(judgeHandle('ab.test', { domains, allowReserved: true }).kind).toBe('refused');
});

test('nobody but an operator gets the name of the server for a handle', () => {
  const rules = { domains: ['.example.org'], hosts: ['home9.example.org', 'old.example.net'] };
  expect(judgeHandle('HOME9.example.org', rules)).toEqual({ kind: 'refused', error: 'HandleNotAvailable', message: 'Reserved handle' });
  expect(judgeHandle('home8.example.org', rules).kind).toBe('local');
  expect(judgeHandle('home9.example.org', { ...rules, allowReserved: true }).kind).toBe('local');
});

test('every verdict but a refusal is in lower case', () => {
  assert(property(stringMatching(/^[a-zA-Z0-9-]{1,20}$/), constantFrom(...domains, '.org'), (label, domain) => {
    const verdict = judgeHandle(label + domain, { domains });
    return verdict.kind === 'refused' || verdict.handle === (label + domain).toLowerCase();
  }));
});
