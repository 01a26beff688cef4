/** House rules 1 to 9 of ARCHITECTURE.md, as tests: who may import whom, and which file names are no names. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { floors, readPageImports, readSources, root, type Source } from './sources.ts';

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const servers = ['plc', 'pds', 'relay', 'appview'];
const wiringFiles = new Set(servers.map((server) => `${server}/src/${server}.ts`));
/** A large server's wiring stands in a folder of stages beside its wiring file. */
const isWiring = (path: string): boolean => wiringFiles.has(path) || /^\w+\/src\/wiring\//.test(path);

/** What each floor may import from besides itself. */
const mayImport: Record<string, readonly string[]> = {
  protocol: [],
  service: ['protocol'],
  'firehose-consumer': ['protocol'],
  plc: ['protocol', 'service'],
  pds: ['protocol', 'service'],
  relay: ['protocol', 'service', 'firehose-consumer'],
  appview: ['protocol', 'service', 'firehose-consumer'],
  cli: ['protocol', 'service', 'firehose-consumer', 'plc', 'pds', 'relay', 'appview'],
};

/** Every breach of a rule as `file: what`, so that a failure names the place. */
function breaches(rule: (source: Source) => string[]): string[] {
  return sources.flatMap((source) => rule(source).map((what) => `${source.path}: ${what}`));
}

test('the house has rooms to look at', () => {
  expect(sources.length).toBeGreaterThan(60);
});

test('every import of ours names a file that exists', () => {
  expect(
    breaches(({ ownImports, floor }) =>
      ownImports.filter((path) => !byPath.has(path) && !(floor === 'cli' && /^(tests|bench)\//.test(path))),
    ),
  ).toEqual([]);
});

test('rules 1 and 3: a floor imports only the floors it may', () => {
  expect(
    breaches(({ floor, ownImports }) =>
      ownImports.filter((path) => {
        const target = path.split('/')[0];
        return target !== floor && target !== 'tests' && target !== 'bench' && !mayImport[floor].includes(target);
      }),
    ),
  ).toEqual([]);
});

test('only cli/ reaches into tests/ and bench/', () => {
  expect(breaches(({ floor, ownImports }) => ownImports.filter((path) => floor !== 'cli' && /^(tests|bench)\//.test(path)))).toEqual([]);
});

test('rule 2: protocol/ knows no web server, database, file system, log or metrics, and only identity/ waits on the network', () => {
  const forbidden = /^(koa|@koa\/.*|ws|better-sqlite3|pino|prom-client|undici|node:(fs|fs\/promises|http|https|net|tls|dns|child_process|worker_threads))$/;
  expect(breaches(({ floor, imports }) => (floor === 'protocol' ? imports.filter((name) => forbidden.test(name)) : []))).toEqual([]);
  expect(
    breaches(({ floor, path, touches }) =>
      floor === 'protocol' && !path.startsWith('protocol/src/identity/') && touches.has('fetch()') ? ['fetch()'] : [],
    ),
  ).toEqual([]);
});

test('the relay and the app view use the SDK by its index only', () => {
  expect(
    breaches(({ floor, ownImports }) =>
      ['relay', 'appview'].includes(floor)
        ? ownImports.filter((path) => path.startsWith('firehose-consumer/') && path !== 'firehose-consumer/src/index.ts')
        : [],
    ),
  ).toEqual([]);
});

test('rule 4: only main.ts and cli/ import a wiring file', () => {
  expect(
    breaches(({ floor, path, ownImports }) =>
      ownImports.filter((target) => isWiring(target) && !isWiring(path) && floor !== 'cli' && basename(path) !== 'main.ts'),
    ),
  ).toEqual([]);
});

test('rule 5: stores and verbs do not import api/', () => {
  expect(
    breaches(({ path, ownImports }) =>
      ownImports.filter((target) => target.includes('/src/api/') && !path.includes('/src/api/') && !isWiring(path)),
    ),
  ).toEqual([]);
});

test('rule 6: a schema is read only by its own folder and the wiring', () => {
  expect(
    breaches(({ path, ownImports }) =>
      ownImports.filter(
        (target) => basename(target) === 'schema.ts' && dirname(target) !== dirname(path) && !isWiring(path),
      ),
    ),
  ).toEqual([]);
});

test('rule 7: there is no barrel but the SDK\'s index and tables of routes', () => {
  expect(
    breaches(({ path }) =>
      basename(path) === 'index.ts' && path !== 'firehose-consumer/src/index.ts' && !/\/api\/(\w+\/)?index\.ts$/.test(path)
        ? ['is a barrel']
        : [],
    ),
  ).toEqual([]);
  expect(
    breaches(({ path, text }) =>
      path !== 'firehose-consumer/src/index.ts' && /^export \* from/m.test(text) ? ['re-exports everything of another file'] : [],
    ),
  ).toEqual([]);
});

test('rule 8: no file is called util, helpers, common, misc or types', () => {
  expect(breaches(({ path }) => (/^(utils?|helpers?|common|misc|types?)\.ts$/.test(basename(path)) ? ['says nothing'] : []))).toEqual([]);
});

/** The circles of a graph, each as the way round it; of circles that share a node one is named. */
function circlesOf(nodes: Iterable<string>, next: (node: string) => Iterable<string>): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (node: string, trail: readonly string[]): void => {
    if (state.get(node) === 'done') return;
    if (state.get(node) === 'open') {
      circles.push([...trail.slice(trail.indexOf(node)), node].join(' → '));
      return;
    }
    state.set(node, 'open');
    for (const target of next(node)) visit(target, [...trail, node]);
    state.set(node, 'done');
  };
  for (const node of nodes) visit(node, []);
  return circles;
}

test('rule 9: imports form no circle, counting type imports', () => {
  const pages = readPageImports();
  expect(pages.size).toBeGreaterThan(40);
  expect(circlesOf([...byPath.keys(), ...pages.keys()], (path) => byPath.get(path)?.ownImports ?? pages.get(path) ?? [])).toEqual([]);
});

test('rule 9: the folders of the PDS form no circle', () => {
  const folderOf = (path: string): string | null => /^pds\/src\/(\w+)\//.exec(path)?.[1] ?? null;
  const folders = new Map<string, Set<string>>();
  for (const { path, ownImports } of sources) {
    const from = folderOf(path);
    const to = ownImports.map(folderOf).filter((folder) => folder !== null && folder !== from) as string[];
    if (from !== null) folders.set(from, new Set([...(folders.get(from) ?? []), ...to]));
  }
  expect(folders.size).toBeGreaterThan(15);
  expect(circlesOf(folders.keys(), (folder) => folders.get(folder) ?? [])).toEqual([]);
});

/** What only a page in a browser loads. */
const pagePackages: Record<string, string[]> = { appview: ['@preact/preset-vite', 'preact'], relay: ['uplot'] };

test('every package that a floor imports is declared in its package.json, and the other way round', () => {
  const builtIn = /^node:|^\.|^@dunlin\//;
  const nameOf = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  const wrong = floors.flatMap((floor) => {
    const manifest = JSON.parse(readFileSync(join(root, floor, 'package.json'), 'utf8')) as { dependencies?: Record<string, string> };
    const declared = Object.keys(manifest.dependencies ?? {}).sort();
    const page = pagePackages[floor] ?? [];
    const imported = sources
      .filter((source) => source.floor === floor)
      .flatMap(({ imports }) => imports.filter((name) => !builtIn.test(name)).map(nameOf));
    const used = [...new Set([...imported, ...page])].sort();
    return [
      ...used.filter((name) => !declared.includes(name)).map((name) => `${floor} imports ${name} without declaring it`),
      ...declared.filter((name) => !used.includes(name)).map((name) => `${floor} declares ${name} without importing it`),
    ];
  });
  expect(wrong).toEqual([]);
});
