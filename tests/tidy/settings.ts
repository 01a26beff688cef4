/**
 * The settings of every server as docs: the tables of docs/operations.md and the text of .env.example, from the config specs.
 * Run as a program (`npm run docs`) it writes both files; the tidy test holds them to it.
 * Source: ours.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appviewConfigSpec } from '@dunlin/appview/config';
import { pdsConfigSpec } from '@dunlin/pds/config';
import { plcConfigSpec } from '@dunlin/plc/config';
import { relayConfigSpec } from '@dunlin/relay/config';
import { describeConfig, envExample } from '@dunlin/service/config/describe';
import { root } from './sources.ts';

const specs = [plcConfigSpec, pdsConfigSpec, relayConfigSpec, appviewConfigSpec];
const start = '<!-- settings: written by `npm run docs`, do not edit by hand -->';
const end = '<!-- end of settings -->';

export const environmentFile = join(root, '.env.example');
export const operationsFile = join(root, 'docs/operations.md');

/** The text that .env.example should have. */
export function environmentText(): string {
  const parts = specs.map((spec) => `# ---- ${spec.service} ----\n${envExample(spec)}`);
  return `# Every setting of every server, commented out at its default. Written by \`npm run docs\`.\n\n${parts.join('\n')}`;
}

/** What docs/operations.md should be: its own prose with the tables between the marks made anew. */
export function operationsText(present: string): string {
  const [before, rest] = present.split(start);
  const [, after] = (rest ?? '').split(end);
  if (rest === undefined || after === undefined) throw new Error('docs/operations.md has lost its marks around the settings');
  return `${before}${start}\n\n${specs.map(table).join('\n')}\n${end}${after}`;
}

function table(spec: (typeof specs)[number]): string {
  const rows = describeConfig(spec).map(({ name, default: fallback, unit, doc }) => {
    const shown = fallback === null ? 'required' : fallback === '' ? 'unset' : `\`${fallback}\``;
    return `| \`${name}\` | ${shown} | ${doc}${unit ? ` (${unit.replaceAll('|', 'or')})` : ''} |`;
  });
  return [`### ${spec.service}`, '', '| variable | default | what it does |', '|---|---|---|', ...rows, ''].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(environmentFile, environmentText());
  writeFileSync(operationsFile, operationsText(readFileSync(operationsFile, 'utf8')));
}
