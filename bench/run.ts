/**
 * `./dunlin bench`: runs the named benches, or all, one after the other, each in a process of its own.
 * A bench is a file beside this one; it prints one JSON line a figure: {bench, figure, unit, ratio, against}.
 * Figures are worth their ratio, measured in the same run on the same machine; single times say little.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const folder = import.meta.dirname;
const notBenches = new Set(['run.ts']);

/** Runs them; true when every one ended well. */
export async function runBenches(names: readonly string[]): Promise<boolean> {
  const known = readdirSync(folder).filter((file) => file.endsWith('.ts') && !notBenches.has(file)).map((file) => basename(file, '.ts'));
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no such bench: ${unknown.join(', ')} (there are ${known.join(', ')})`);
  let areAllWell = true;
  for (const name of names.length > 0 ? names : known) areAllWell = (await runBench(name)) && areAllWell;
  return areAllWell;
}

function runBench(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', join(folder, `${name}.ts`)], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}
