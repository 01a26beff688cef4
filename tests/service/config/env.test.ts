/** Tests of configuration: every kind of setting, all faults at once, strangers, and what operators get to see. */
import { describe, expect, test } from '@jest/globals';
import { ConfigError, defineConfig, isTestRun, readConfig, type ConfigOf, type Environment } from '@dunlin/service/config/env';
import { describeConfig, effectiveConfig, envExample } from '@dunlin/service/config/describe';
import { bindAddress, choice, durationMs, integer, list, optionalInteger, optionalText, optionalUrl, port, text, toggle, url } from '@dunlin/service/config/settings';
import { version } from '@dunlin/service/config/version';

const spec = defineConfig({
  service: 'test',
  prefix: 'TEST_',
  settings: {
    host: text('TEST_HOST', { doc: 'Public name.', default: 'localhost' }),
    port: port('TEST_PORT', { doc: 'Where to listen.', default: 2583 }),
    password: optionalText('TEST_PASSWORD', { doc: 'Operator’s password.', secret: true, minLength: 8 }),
    secret: text('TEST_SECRET', { doc: 'Key of tokens.', secret: true }),
    limit: integer('TEST_LIMIT_BYTES', { doc: 'Largest upload.', default: 100, unit: 'bytes', min: 1, max: 1_000 }),
    cap: optionalInteger('TEST_CAP', { doc: 'Cap.', min: 0 }),
    isOpen: toggle('TEST_OPEN', { doc: 'Lets everybody in.', default: false }),
    mode: choice('TEST_MODE', ['fsync', 'os'], { doc: 'How durable.', default: 'fsync' }),
    domains: list('TEST_DOMAINS', { doc: 'Domains.', default: [] }),
    plc: url('TEST_PLC_URL', { doc: 'Directory.', default: 'https://plc.example' }),
    relay: optionalUrl('TEST_RELAY_URL', { doc: 'Relay.', schemes: ['ws', 'wss'] }),
    window: durationMs('TEST_WINDOW', { doc: 'Replay window.', default: 72 * 3_600_000 }),
    bind: bindAddress('TEST_BIND', { doc: 'Listener.', default: { host: '0.0.0.0', port: 2470 } }),
  },
  ignored: ['TEST_OLD', 'TEST_S3_*'],
  check: (config) => (config.isOpen && config.password === null ? ['TEST_OPEN needs TEST_PASSWORD'] : []),
});

const read = (env: Environment, warnings: string[] = []): ConfigOf<typeof spec> => readConfig(spec, { TEST_SECRET: 's3cret-value', ...env }, (sentence) => warnings.push(sentence));

function faultsOf(env: Environment): readonly string[] {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('a config', () => {
  test('has its defaults when nothing is set, and when variables are empty', () => {
    const defaults = {
      host: 'localhost', port: 2583, password: null, secret: 's3cret-value', limit: 100, cap: null, isOpen: false, mode: 'fsync', domains: [],
      plc: 'https://plc.example', relay: null, window: 259_200_000, bind: { host: '0.0.0.0', port: 2470 },
    };
    expect(read({})).toEqual(defaults);
    expect(read({ TEST_HOST: '', TEST_PORT: ' ', TEST_DOMAINS: '' })).toEqual(defaults);
  });

  test.each<[string, string, keyof ConfigOf<typeof spec>, unknown]>([
    ['TEST_PORT', '0', 'port', 0],
    ['TEST_PORT', '65535', 'port', 65_535],
    ['TEST_LIMIT_BYTES', '1', 'limit', 1],
    ['TEST_LIMIT_BYTES', '1000', 'limit', 1_000],
    ['TEST_CAP', '7', 'cap', 7],
    ['TEST_PASSWORD', '12345678', 'password', '12345678'],
    ['TEST_OPEN', 'no', 'isOpen', false],
    ['TEST_MODE', 'os', 'mode', 'os'],
    ['TEST_DOMAINS', '.a.test, .b.test,,', 'domains', ['.a.test', '.b.test']],
    ['TEST_PLC_URL', 'http://localhost:2582/', 'plc', 'http://localhost:2582'],
    ['TEST_RELAY_URL', 'wss://relay.example', 'relay', 'wss://relay.example'],
    ['TEST_WINDOW', '1h30m', 'window', 5_400_000],
    ['TEST_WINDOW', '1.5s', 'window', 1_500],
    ['TEST_WINDOW', '250', 'window', 250],
    ['TEST_BIND', ':80', 'bind', { host: '0.0.0.0', port: 80 }],
    ['TEST_BIND', '127.0.0.1:0', 'bind', { host: '127.0.0.1', port: 0 }],
    ['TEST_BIND', '[::1]:2470', 'bind', { host: '::1', port: 2470 }],
  ])('reads %s=%s', (name, value, key, wanted) => {
    expect(read({ [name]: value })[key]).toEqual(wanted);
  });

  test.each([
    ['TEST_PORT', '65536', 'TEST_PORT must be a whole number from 0 to 65535 (got "65536")'],
    ['TEST_PORT', '80x', 'TEST_PORT must be a whole number from 0 to 65535 (got "80x")'],
    ['TEST_LIMIT_BYTES', '0', 'TEST_LIMIT_BYTES must be a whole number from 1 to 1000 (got "0")'],
    ['TEST_LIMIT_BYTES', '1001', 'TEST_LIMIT_BYTES must be a whole number from 1 to 1000 (got "1001")'],
    ['TEST_PASSWORD', '1234567', 'TEST_PASSWORD must have at least 8 characters'],
    ['TEST_OPEN', 'perhaps', 'TEST_OPEN must be true or false (got "perhaps")'],
    ['TEST_MODE', 'fast', 'TEST_MODE must be one of fsync, os (got "fast")'],
    ['TEST_PLC_URL', 'plc.example', 'TEST_PLC_URL must be a URL beginning with http:// or https:// (got "plc.example")'],
    ['TEST_RELAY_URL', 'https://relay.example', 'TEST_RELAY_URL must be a URL beginning with ws:// or wss:// (got "https://relay.example")'],
    ['TEST_WINDOW', '3 days', 'TEST_WINDOW must be a length of time such as 500ms, 30s, 72h or 1h30m, from 0 to 3153600000000 ms (got "3 days")'],
    ['TEST_BIND', '2470', 'TEST_BIND must be an address to listen on, such as 127.0.0.1:2470 or :2470 (got "2470")'],
    ['TEST_BIND', ':70000', 'TEST_BIND must be an address to listen on, such as 127.0.0.1:2470 or :2470 (got ":70000")'],
    ['TEST_PROT', '1', 'TEST_PROT is not a setting of test; did you mean TEST_PORT?'],
    ['TEST_SOMETHING_ELSE', '1', 'TEST_SOMETHING_ELSE is not a setting of test'],
    ['TEST_OPEN', 'true', 'TEST_OPEN needs TEST_PASSWORD'],
  ])('refuses %s=%s', (name, value, fault) => {
    expect(faultsOf({ [name]: value })).toEqual([fault]);
  });

  test('reports all faults at once and never the value of a secret', () => {
    const faults = faultsOf({ TEST_SECRET: undefined, TEST_PORT: 'x', TEST_PASSWORD: 'short', TEST_TYPO: '1' });
    expect(faults).toEqual([
      'TEST_PORT must be a whole number from 0 to 65535 (got "x")',
      'TEST_PASSWORD must have at least 8 characters',
      'TEST_SECRET is required: Key of tokens.',
      'TEST_TYPO is not a setting of test',
    ]);
  });

  test('warns once about known names it does not need, and passes strangers of other prefixes by', () => {
    const warnings: string[] = [];
    read({ TEST_OLD: '1', TEST_S3_BUCKET: 'b', OTHER_THING: '1' }, warnings);
    read({ TEST_OLD: '1' }, warnings);
    expect(warnings).toEqual(['TEST_OLD is not needed here and has no effect', 'TEST_S3_BUCKET is not needed here and has no effect']);
  });

  test('is described for the docs', () => {
    const lines = describeConfig(spec);
    expect(lines.find(({ name }) => name === 'TEST_LIMIT_BYTES')).toEqual({ name: 'TEST_LIMIT_BYTES', default: '100', unit: 'bytes', doc: 'Largest upload.' });
    expect(lines.find(({ name }) => name === 'TEST_SECRET')?.default).toBeNull();
    expect(lines.find(({ name }) => name === 'TEST_BIND')?.default).toBe('0.0.0.0:2470');
    expect(envExample(spec)).toContain('# Replay window. (duration, bare number = ms)\n#TEST_WINDOW=259200000\n');
    expect(envExample(spec)).toContain('# Key of tokens. Required.\nTEST_SECRET=\n');
  });

  test('in force is shown with its secrets struck out', () => {
    const shown = effectiveConfig(spec, read({ TEST_PASSWORD: 'correct horse' }));
    expect(shown).toMatchObject({ TEST_PASSWORD: '***', TEST_SECRET: '***', TEST_HOST: 'localhost' });
    expect(effectiveConfig(spec, read({}))['TEST_PASSWORD']).toBeNull();
    expect(JSON.stringify(shown)).not.toContain('s3cret');
  });
});

test('a test run knows that it is one', () => {
  expect(isTestRun()).toBe(true);
  expect(isTestRun({})).toBe(false);
});

test('the version is that of the package', () => {
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});
