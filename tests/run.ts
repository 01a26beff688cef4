/**
 * `./dunlin test`: sets up what the tests need, runs every part, and prints one sum at the end.
 * Not for: tests themselves. What cannot run on this machine is said by name and fails the run, never skipped in silence.
 * Source: ours, see CONTRIBUTING.md.
 */
import { spawn } from 'node:child_process';
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLine } from '@dunlin/service/log/terminal';
import { buildPage } from '../cli/src/build-page.ts';
import { proxyFolder, proxyNames, proxyProgram } from './harness/proxies.ts';

const root = join(import.meta.dirname, '..');
const jestParts = ['tidy', 'unit', 'servers', 'flow', 'peers', 'browser'] as const;
const allParts = ['types', 'lint', ...jestParts] as const;
type Part = (typeof allParts)[number];

interface Sum {
  passed: number;
  failed: number;
}

/** Runs the named parts (all when none is named) and reports; true when nothing failed. */
export async function runTests(names: readonly string[]): Promise<boolean> {
  const unknown = names.filter((name) => !allParts.includes(name as Part));
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')} (there are ${allParts.join(', ')})`);
  const parts = (names.length > 0 ? names : allParts) as Part[];
  const sum: Sum = { passed: 0, failed: 0 };
  const check = async (title: string, run: () => Promise<boolean>): Promise<boolean> => {
    const passed = await run();
    writeLine(`${passed ? 'PASS' : 'FAIL'} ${title}`);
    sum[passed ? 'passed' : 'failed'] += 1;
    return passed;
  };

  // The types of the peer tests are those of the peers; one of the browser tests moves in from the reference PDS.
  if (parts.includes('peers') || parts.includes('types') || parts.includes('browser')) await check('peers are installed', installPeers);
  if (parts.includes('types')) {
    await check('types of servers, SDK and tests', () => succeeds('npx', ['tsc', '-p', 'tsconfig.json']));
    await check('types of the page', () => succeeds('npx', ['tsc', '-p', 'appview/web/tsconfig.json']));
    await check('types of the account pages', () => succeeds('npx', ['tsc', '-p', 'pds/web/tsconfig.json']));
    await check('the published packages build', () => succeeds('npx', ['tsc', '-b', 'tsconfig.build.json']));
  }
  if (parts.includes('lint')) await check('lint', () => succeeds('npx', ['oxlint', '--deny-warnings']));
  if (parts.includes('browser') || parts.includes('flow')) await check('the page is built', buildPageAgain);
  if (parts.includes('browser')) await check('a browser is installed', installBrowser);
  if (parts.includes('flow')) await check('nginx and Caddy are here', bringProxies);
  const projects = jestParts.filter((part) => parts.includes(part));
  if (projects.length > 0) await runJest(projects, sum);

  writeLine(`${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed === 0 && sum.passed > 0;
}

async function runJest(projects: readonly string[], sum: Sum): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dunlin-test-'));
  const report = join(folder, 'jest.json');
  const flags = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
  const isClean = await succeeds('node', [...flags, '--selectProjects', ...projects, '--json', '--outputFile', report, '--silent=false']);
  try {
    const result = JSON.parse(await readFile(report, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numRuntimeErrorTestSuites: number;
    };
    sum.passed += result.numPassedTests;
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    // Jest may be unhappy about something it does not count.
    sum.failed += failed === 0 && !isClean ? 1 : failed;
  } catch {
    writeLine('FAIL jest ended without a report');
    sum.failed += 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function installPeers(): Promise<boolean> {
  const folder = join(root, 'tests/peers');
  const [lock, stamp] = [join(folder, 'package-lock.json'), join(folder, 'node_modules/.dunlin-installed')];
  const [wanted, installed] = await Promise.all([readFile(lock, 'utf8'), readFile(stamp, 'utf8').catch(() => null)]);
  if (installed === wanted) return true;
  if (!(await succeeds('npm', ['ci', '--ignore-scripts', '--loglevel=error'], folder))) return false;
  await copyFile(lock, stamp);
  return true;
}

async function installBrowser(): Promise<boolean> {
  if (await exists('/usr/bin/chromium')) return true;
  if (process.getuid?.() !== 0) {
    writeLine('the browser tests need Debian\'s chromium at /usr/bin/chromium (as root: apt-get install chromium)');
    return false;
  }
  await succeeds('apt-get', ['update', '-qq']);
  return succeeds('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium']);
}

/** Brings Debian's packages and unpacks them beside the checkout's data: installed, they would start at once and take port 80. */
async function bringProxies(): Promise<boolean> {
  const missing = proxyNames.filter((name) => proxyProgram(name) === null);
  if (missing.length === 0) return true;
  await mkdir(proxyFolder, { recursive: true });
  if (process.getuid?.() === 0) await succeeds('apt-get', ['update', '-qq']);
  if (!(await succeeds('apt-get', ['download', '-qq', ...missing], proxyFolder))) {
    writeLine(`the tests of deploy/ need ${missing.join(' and ')} (install them, or run where apt-get download works)`);
    return false;
  }
  for (const file of (await readdir(proxyFolder)).filter((each) => each.endsWith('.deb'))) {
    if (!(await succeeds('dpkg-deb', ['-x', join(proxyFolder, file), proxyFolder]))) return false;
  }
  return missing.every((name) => proxyProgram(name) !== null);
}

async function buildPageAgain(): Promise<boolean> {
  try {
    await buildPage();
    return true;
  } catch (error) {
    writeLine(String(error));
    return false;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Runs a command with its output shown on stderr; true when it exits with 0. */
function succeeds(command: string, args: readonly string[], cwd = root): Promise<boolean> {
  return new Promise((resolve) => {
    // Vite's build, which may have run in this process, sets NODE_ENV for its own use.
    const child = spawn(command, args, { cwd, stdio: ['ignore', 2, 2], env: { ...process.env, NODE_ENV: 'test' } });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}
