/** Sizes, headers, docstrings and patience of STYLE.md: files under 300 lines, functions under 70, a header on every file. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesUnder, readSources, root } from './sources.ts';

const sources = readSources();
const maxFileLines = 300;
const maxFunctionLines = 70;

test('no file is longer than the wall', () => {
  expect(sources.filter(({ lines }) => lines > maxFileLines).map(({ path, lines }) => `${path}: ${lines} lines`)).toEqual([]);
});

test('no function is longer than the wall', () => {
  expect(
    sources.flatMap(({ path, functions }) =>
      functions.filter(({ lines }) => lines > maxFunctionLines).map(({ name, line, lines }) => `${path}:${line} ${name}: ${lines} lines`),
    ),
  ).toEqual([]);
});

test('every file opens with a header of 3 to 12 lines that says what it is', () => {
  expect(
    sources.filter(({ text }) => {
      const header = /^(?:#![^\n]*\n)?\/\*\*\n([\s\S]*?)\*\//.exec(text);
      const lines = header?.[1].trimEnd().split('\n').length ?? 0;
      return lines < 3 || lines > 12;
    }).map(({ path }) => path),
  ).toEqual([]);
});

test('every exported function, class and value has a docstring', () => {
  const undocumented = sources.flatMap(({ path, text }) => {
    const lines = text.split('\n');
    return lines.flatMap((line, index) => {
      const match = /^export (?:default )?(?:abstract )?(?:async )?(?:function\*?|class|const|let) (\w+)/.exec(line);
      if (!match || lines[index - 1]?.trimEnd().endsWith('*/')) return [];
      const isOverload = new RegExp(`^export (?:async )?function\\*? ${match[1]}\\b`).test(lines[index - 1] ?? '');
      return isOverload ? [] : [`${path}:${index + 1} ${match[1]}`];
    });
  });
  expect(undocumented).toEqual([]);
});

test('nothing is left for later, and the type checker is nowhere told to look away', () => {
  expect(
    sources.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (/\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)|\bas any\b/.test(line) ? [`${path}:${index + 1}`] : [])),
    ),
  ).toEqual([]);
});

test('no test has less patience than the house (tests/harness/patience.mjs): a busy machine must not make it red', () => {
  const houseMs = 60_000;
  const own = /^(?:\}|(?:before|after)\w+\(.*), ([\d_]+)\);$/gm;
  expect(
    filesUnder(join(root, 'tests'), '.test.ts').flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(own)].filter((match) => Number(match[1].replaceAll('_', '')) <= houseMs).map((match) => `${relative(root, path)}: ${match[1]}`),
    ),
  ).toEqual([]);
});
