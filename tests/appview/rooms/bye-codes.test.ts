/** The table of codes: in the ranges it promises, each once, and the same in the docs. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { byeReasons } from '@dunlin/appview/rooms/bye-codes';

test('codes to come back from are 3000 to 3499, the others 3500 to 3999, each once', () => {
  const reasons = Object.values(byeReasons);
  for (const { code, afterMs } of reasons) expect(afterMs === null ? code >= 3500 && code < 4000 : code >= 3000 && code < 3500).toBe(true);
  expect(new Set(reasons.map(({ code }) => code)).size).toBe(reasons.length);
});

test('the docs list every code with its reason', () => {
  const docs = readFileSync(new URL('../../../docs/gateway.md', import.meta.url), 'utf8');
  const listed = [...docs.matchAll(/^\| (3\d{3}) \| `(\w+)` \| (\w+)/gm)].map(([, code, reason, back]) => [Number(code), reason, back !== 'no']);
  expect(listed).toEqual(Object.values(byeReasons).map(({ code, reason, afterMs }) => [code, reason, afterMs !== null]));
});
