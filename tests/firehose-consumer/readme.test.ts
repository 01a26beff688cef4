/** The README names what there is: every export it uses, every option, and no others. */
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as index from '../../firehose-consumer/src/index.ts';

const folder = join(import.meta.dirname, '../../firehose-consumer');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');

test('every option of the table is an option, and every option is in the table', () => {
  const source = readFileSync(join(folder, 'src/options.ts'), 'utf8') + readFileSync(join(folder, 'src/filter.ts'), 'utf8');
  const declared = new Set([...source.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1]));
  for (const name of /Pick<SubscriptionOptions, ([^>]+)>/.exec(source)?.[1]?.matchAll(/'(\w+)'/g) ?? []) declared.add(name[1]);
  const table = readme.slice(readme.indexOf('## Options'), readme.indexOf('## Continuity'));
  const written = new Set([...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap((match) => [...(match[1] as string).matchAll(/`(\w+)`/g)].map((name) => name[1])));
  expect([...written].toSorted()).toEqual([...declared].toSorted());
});

test('the same holds for the options of continuity', () => {
  const source = readFileSync(join(folder, 'src/continuity-options.ts'), 'utf8');
  const declared = [...source.matchAll(/^ {2}(\w+)\??: .*;$/gm)].map((match) => match[1]);
  const table = readme.slice(readme.indexOf('| option of `continuity`'), readme.indexOf('Disk of the SQLite ledger'));
  const written = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap((match) => [...(match[1] as string).matchAll(/`(\w+)`/g)].map((name) => name[1]));
  expect(written.toSorted()).toEqual(declared.toSorted());
});

test('what the quick start imports is exported', () => {
  const names = /import \{ ([^}]+) \} from '@dunlin\/firehose-consumer'/.exec(readme)?.[1]?.split(', ') ?? [];
  expect(names.length).toBeGreaterThan(0);
  for (const name of [...names, 'memoryCursor', 'Subscription']) expect(index).toHaveProperty(name);
});
