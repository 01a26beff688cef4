/** docs/wire.md explains every drop reason in the order of the verdict, with the words of the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dropReasons } from '@dunlin/protocol/repo/drop-reason';
import { root } from './sources.ts';

test('docs/wire.md lists every drop reason with what it says and what a host should do', () => {
  const rows = [...readFileSync(join(root, 'docs/wire.md'), 'utf8').matchAll(/^\| `(\w+)` \| (.+?) \| (.+?) \|$/gm)];
  expect(rows.map(([, reason, sentence]) => [reason, sentence])).toEqual(Object.entries(dropReasons));
  for (const [, , , advice] of rows) expect(advice).toMatch(/^[A-Z].{5,}\.$/);
});
