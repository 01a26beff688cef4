/** What deploy/ shows and warns of exists: every metric in dashboards and alert rules is one of a running server. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { serviceMetrics } from '../harness/service-metrics.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const files = ['grafana', 'prometheus'].flatMap((folder) => readdirSync(join(deploy, folder)).map((file) => join(deploy, folder, file)));

test('every metric named in deploy/ exists in a registry', async () => {
  const metrics = await serviceMetrics();
  const missing: string[] = [];
  let named = 0;
  for (const file of files) {
    for (const [name] of readFileSync(file, 'utf8').matchAll(/\b(?:relay|pds|appview|plc)_[a-z0-9_]+\b/g)) {
      named += 1;
      if (!Object.values(metrics).some((names) => names.has(name))) missing.push(`${file.slice(deploy.length + 1)}: ${name}`);
    }
  }
  expect([...new Set(missing)]).toEqual([]);
  expect(named).toBeGreaterThan(40);
});

test('dashboards are JSON with panels that ask something, and every alert says what to do', () => {
  for (const file of files.filter((each) => each.endsWith('.json'))) {
    const { panels, uid } = JSON.parse(readFileSync(file, 'utf8')) as { uid: string; panels: { title: string; targets?: { expr: string }[]; type: string }[] };
    expect(uid).toMatch(/^dunlin-/);
    for (const panel of panels) if (panel.type !== 'row') expect([panel.title, panel.targets?.length ?? 0]).not.toEqual([panel.title, 0]);
  }
  for (const file of files.filter((each) => each.endsWith('.rules.yml'))) {
    const text = readFileSync(file, 'utf8');
    const alerts = [...text.matchAll(/^ {6}- alert: /gm)].length;
    expect(alerts).toBeGreaterThan(5);
    for (const part of ['expr', 'labels', 'annotations']) expect([part, [...text.matchAll(new RegExp(`^ {8}${part}:`, 'gm'))].length]).toEqual([part, alerts]);
    expect([...text.matchAll(/^ {10}description: /gm)].length).toBe(alerts);
  }
});
