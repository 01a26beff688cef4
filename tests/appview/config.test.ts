/** Settings of the app view: defaults that start, faults told together, the operator's table read and judged. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConfigError } from '@dunlin/service/config/env';
import { readAppviewConfig, readSourcesFile } from '@dunlin/appview/config';
import { temporaryFolder } from '../harness/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function fileOf(content: string): Promise<string> {
  const path = join(folder.path, 'sources.json');
  await writeFile(path, content);
  return path;
}

test('nothing set gives the documented defaults', () => {
  expect(readAppviewConfig({})).toMatchObject({ port: 2590, host: '127.0.0.1', hostname: 'localhost', verify: 'full', isDevMode: false, demoFile: null, metricsListen: null });
});

test('every fault is told at once, a misspelt name with what was meant', () => {
  try {
    readAppviewConfig({ APPVIEW_PORT: '70000', APPVIEW_VERIFY: 'maybe', APPVIEW_RELAY_URL: 'relay', APPVIEW_METRICS_LISTEN: '2591', APPVIEW_DEMOS: 'x' });
    throw new Error('was accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).faults).toHaveLength(5);
    expect((error as ConfigError).faults.join()).toContain('did you mean APPVIEW_DEMO?');
  }
});

test('a table of sources is read; none is an empty one', async () => {
  const source = { collection: 'com.example.clap', subjectPath: '.about', value: '👏', class: 'reaction' };
  expect(readSourcesFile(await fileOf(JSON.stringify([source])))).toEqual({ sources: [source], faults: [] });
  expect(readSourcesFile(null)).toEqual({ sources: [], faults: [] });
});

test.each(['{', '{}', '[{}]', '[{"collection":"a.b.c","subjectPath":".a","value":"❤️","class":"reaction","extra":1}]', '[{"collection":"a.b","subjectPath":".a","value":"❤️","class":"reaction"}]'])('%s is a fault', async (content) => {
  expect(readSourcesFile(await fileOf(content)).faults).toHaveLength(1);
});

test('a file that is not there is a fault', () => {
  expect(readSourcesFile(join(folder.path, 'none.json')).faults[0]).toContain('ENOENT');
});
