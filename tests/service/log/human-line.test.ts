import { humanLine } from '@dunlin/service/log/human-line';

test('shows time, service, what happened and the short facts', () => {
  const line = JSON.stringify({ level: 'info', time: Date.UTC(2026, 0, 2, 3, 4, 5), service: 'relay', url: 'http://x', cursor: null, msg: 'listening' });
  expect(humanLine(`${line}\n`)).toBe('03:04:05 relay   listening url=http://x\n');
});

test('names a level that matters, and shows the stack of a fault', () => {
  const line = JSON.stringify({ level: 'error', time: 0, service: 'pds', msg: 'it broke', err: { message: 'x', stack: 'Error: x\n  at y' } });
  expect(humanLine(line)).toBe('00:00:00 pds     error it broke\nError: x\n  at y\n');
});

test.each([[120, true], [121, false]])('a fact of %i characters is shown: %s', (length, isShown) => {
  const line = JSON.stringify({ level: 'info', time: 0, service: 'pds', msg: 'm', fact: 'x'.repeat(length), config: { A: 1 } });
  expect(humanLine(line).includes('fact=')).toBe(isShown);
  expect(humanLine(line)).not.toContain('config');
});

test('leaves what is no JSON as it is', () => {
  expect(humanLine('plain\n')).toBe('plain\n');
});
