/**
 * Reads every source file of the house once and tells what it imports, by which names it calls the outside, and how long its
 * functions are. The tidy tests judge; this only looks.
 * Source: ours, see STYLE.md and ARCHITECTURE.md.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { parse, type Node } from 'acorn';
import { full } from 'acorn-walk';

export const root = join(import.meta.dirname, '../..');

/** The folders that hold our own code, in no order. */
export const floors = ['protocol', 'service', 'firehose-consumer', 'plc', 'pds', 'relay', 'appview', 'cli'] as const;

export interface SourceFunction {
  name: string;
  line: number;
  lines: number;
}

export interface Source {
  /** From the root, with forward slashes: `relay/src/log/segment.ts`. */
  path: string;
  floor: string;
  text: string;
  lines: number;
  /** Specifiers as written, type imports too. */
  imports: string[];
  /** Our own files it imports, as paths from the root. */
  ownImports: string[];
  functions: SourceFunction[];
  /** `process.env`, `Date.now`, `setTimeout`, `console.log` …: every member or global call that a door may own. */
  touches: Set<string>;
}

const specifierPattern = /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

let cached: Source[] | null = null;

/** All sources under <floor>/src. */
export function readSources(): Source[] {
  cached ??= floors.flatMap((floor) => filesUnder(join(root, floor, 'src'), '.ts').map((file) => readSource(floor, file)));
  return cached;
}

/** All files under a folder with one of these endings, as absolute paths; nothing when the folder is not there. */
export function filesUnder(folder: string, ...endings: string[]): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/node_modules/') && !path.includes('/dist/'));
}

/** What a text of ours imports, as written; and of that our own files, as paths from the root. */
function readImports(file: string, text: string): Pick<Source, 'imports' | 'ownImports'> {
  const imports = [...text.matchAll(specifierPattern)].map((match) => match[1] ?? match[2] ?? match[3]);
  return { imports, ownImports: imports.flatMap((specifier) => ownPath(file, specifier) ?? []) };
}

/** The files of pages, which run in a browser: path from the root to what of ours each imports. */
export function readPageImports(): Map<string, string[]> {
  const files = floors.map((floor) => join(root, floor, 'web')).filter((folder) => existsSync(folder)).flatMap((folder) => filesUnder(folder, '.ts', '.tsx'));
  return new Map(files.map((file) => [relative(root, file), readImports(file, readFileSync(file, 'utf8')).ownImports]));
}

function readSource(floor: string, file: string): Source {
  const text = readFileSync(file, 'utf8');
  const { imports, ownImports } = readImports(file, text);
  const tree = parse(stripTypeScriptTypes(text, { mode: 'strip' }), {
    ecmaVersion: 'latest',
    sourceType: 'module',
    locations: true,
    allowHashBang: true,
  });
  const functions: SourceFunction[] = [];
  const touches = new Set<string>();
  full(tree, (node) => {
    noteFunction(node, functions);
    noteTouch(node, touches);
  });
  return { path: relative(root, file), floor, text, lines: text.split('\n').length - 1, imports, ownImports, functions, touches };
}

/** The file from the root that a specifier of ours names; null for packages of others. */
function ownPath(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return relative(root, resolve(dirname(from), specifier));
  const match = /^@dunlin\/([^/]+)(?:\/(.+))?$/.exec(specifier);
  return match ? `${match[1]}/src/${match[2] ?? 'index'}.ts` : null;
}

function noteFunction(node: Node, functions: SourceFunction[]): void {
  const isFunction = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(node.type);
  if (!isFunction || !node.loc) return;
  const name = (node as Node & { id?: { name?: string } }).id?.name ?? '(anonymous)';
  functions.push({ name, line: node.loc.start.line, lines: node.loc.end.line - node.loc.start.line + 1 });
}

interface Named {
  type: string;
  name?: string;
}

function noteTouch(node: Node, touches: Set<string>): void {
  if (node.type === 'MemberExpression') {
    const { object, property, computed } = node as Node & { object: Named; property: Named; computed: boolean };
    if (object.type === 'Identifier' && property.type === 'Identifier' && !computed) touches.add(`${object.name}.${property.name}`);
  } else if (node.type === 'CallExpression') {
    const { callee } = node as Node & { callee: Named };
    if (callee.type === 'Identifier') touches.add(`${callee.name}()`);
  } else if (node.type === 'NewExpression') {
    const { callee, arguments: given } = node as Node & { callee: Named; arguments: unknown[] };
    if (callee.name === 'Date' && given.length === 0) touches.add('new Date()');
  }
}
