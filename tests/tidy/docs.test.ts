/** Docs name real things: every path in them exists, every link leads somewhere, every invariant has its enforcer and its test. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { filesUnder, floors, root } from './sources.ts';

const documents = [
  ...['README.md', 'ARCHITECTURE.md', 'STYLE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map((name) => join(root, name)),
  ...filesUnder(join(root, 'docs'), '.md'),
  ...floors.map((floor) => join(root, floor, 'README.md')).filter(existsSync),
];
const tops = [...floors, 'tests', 'bench', 'docs', 'lexicons', 'deploy', '.ci'];

function breaches(find: (text: string, path: string) => string[]): string[] {
  return documents.flatMap((path) => find(readFileSync(path, 'utf8'), path).map((what) => `${relative(root, path)}: ${what}`));
}

test('every path in code marks exists', () => {
  const isPath = (text: string): boolean => tops.includes(text.split('/')[0]) && /^[\w.@-]+(\/[\w.@-]+)*\/?$/.test(text) && text.includes('/');
  expect(
    breaches((text) =>
      [...text.matchAll(/`([^`\n]+)`/g)]
        .map((match) => match[1])
        .filter((name) => isPath(name) && !existsSync(join(root, name)) && !existsSync(join(root, name.replace(/\/(\w+\/)/, '/src/$1')))),
    ),
  ).toEqual([]);
});

test('every link to a file of ours leads somewhere', () => {
  expect(
    breaches((text, path) =>
      [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1])
        .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(resolve(dirname(path), link))),
    ),
  ).toEqual([]);
});

test('every invariant names a file that enforces it and a test that locks it', () => {
  const invariants = readFileSync(join(root, 'docs/invariants.md'), 'utf8')
    .split(/^## /m)
    .slice(1);
  expect(invariants.length).toBe(20);
  const incomplete = invariants.filter((section) => {
    const named = [...section.matchAll(/`([\w./-]+\.ts)`/g)].map((match) => match[1]);
    return !named.some((name) => /\/src\//.test(name)) || !named.some((name) => name.startsWith('tests/'));
  });
  expect(incomplete.map((section) => section.split('\n')[0])).toEqual([]);
});

test('every hop of the flow names a folder that exists', () => {
  const flow = readFileSync(join(root, 'docs/flow.md'), 'utf8');
  const hops = [...flow.matchAll(/^\| (\d+) \| (.+?) \|/gm)];
  expect(hops.length).toBe(13);
  const missing = hops.flatMap(([, number, rooms]) =>
    [...rooms.matchAll(/`([^`]+)`/g)].map((match) => match[1]).filter((name) => !existsSync(join(root, name))).map((name) => `${number}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test('nothing tells where or by whom it was made', () => {
  const texts = [...documents, ...tops.flatMap((top) => (existsSync(join(root, top)) ? filesUnder(join(root, top), '.ts', '.tsx', '.json', '.sh', '.mjs') : []))];
  const forbidden = new RegExp(['/w' + 'ork/', '/ro' + 'ot/', '\\.lib' + 'rary', 'sub' + 'agent', 'helper-' + '\\d'].join('|'));
  expect(texts.filter((path) => forbidden.test(readFileSync(path, 'utf8'))).map((path) => relative(root, path))).toEqual([]);
});
