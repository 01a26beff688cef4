/** The walk to a public PDS and the compose files name what is there: settings, commands, files. What the proxies do is in `deploy-proxies.test.ts`. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { readPdsConfig } from '../../pds/src/config.ts';
import { root } from '../harness/process.ts';

const run = promisify(execFile);
const walk = readFileSync(join(root, 'docs/public-pds.md'), 'utf8');
const container = join(root, 'deploy/container');

test('its settings hold the same, as a shell reads them and line by line as systemd and compose do', async () => {
  const ini = /```ini\n([^]*?)```/.exec(walk)?.[1] ?? '';
  const { stdout } = await run('sh', ['-c', `set -a; ${ini}\nenv -0`], { env: { PATH: process.env['PATH'] ?? '' } });
  const byShell = Object.fromEntries(stdout.split('\0').filter((line) => line.startsWith('PDS_')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const byLine = Object.fromEntries(ini.split('\n').filter((line) => line.startsWith('PDS_')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  expect(Object.keys(byLine).length).toBeGreaterThan(8);
  expect(byShell).toEqual(byLine);
  expect(readPdsConfig(byLine)).toMatchObject({ hostname: 'pds.example.com', rateLimitsEnabled: true });
});

test('every command it has the server\'s user run is one', async () => {
  const commands = [...new Set([...walk.matchAll(/(?:\bas_pds|dunlin\/dunlin) ((?:admin pds|doctor)(?: [a-z][a-z-]+(?![\w.-]))*)/g)].map(([, command]) => command!))];
  expect(commands.length).toBeGreaterThan(6);
  for (const command of commands) {
    const { stdout } = await run(process.execPath, ['--no-warnings', join(root, 'cli/src/main.ts'), ...command.split(' '), '--help']);
    expect(stdout).toContain(`Usage: dunlin ${command} `);
  }
});

test.each(readdirSync(container).filter((name) => name.endsWith('compose.yml')))('%s names settings, files and services that are there', (name) => {
  const text = readFileSync(join(container, name), 'utf8');
  const known = readFileSync(join(root, '.env.example'), 'utf8');
  // Names with _HOST and _UPSTREAM are those of the Caddyfile.
  const settings = [...text.matchAll(/^ +([A-Z]+_[A-Z_]+):/gm)].map(([, variable]) => variable!).filter((variable) => !/^(PDS|RELAY|APPVIEW)_(HOST|UPSTREAM)$/.test(variable));
  expect(settings.length).toBeGreaterThan(2);
  expect(settings.filter((variable) => !known.includes(`\n#${variable}=`))).toEqual([]);
  const mounted = [...text.matchAll(/'(\.\.\/[^:']+):/g)].map(([, path]) => path!);
  expect(mounted.map((path) => [path, existsSync(resolve(dirname(join(container, name)), path))])).toEqual([[expect.stringContaining('Caddyfile'), true]]);
  const caddyfile = readFileSync(resolve(container, mounted[0]!), 'utf8');
  const asked = new Set([...caddyfile.matchAll(/\{\$([A-Z_]+)/g)].map(([, variable]) => variable!));
  expect([...asked].filter((variable) => !new RegExp(`^ +${variable}: `, 'm').test(text))).toEqual([]);
  for (const [, service] of text.matchAll(/_UPSTREAM: ([a-z]+):\d+/g)) expect(text).toMatch(new RegExp(`^  ${service!}:$`, 'm'));
});
