/**
 * How many createRecord a second, with 16 accounts at once, every answer durable: our PDS against the reference PDS.
 * Both run as child processes with our PLC directory, one after the other in turns, asked by the same client with the same records.
 * Prints the best of several rounds of each, the ratio, latencies and the server's CPU a call. Without the reference in
 * tests/peers (`./dunlin test peers` installs it) the ratio is null and `note` says so.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'undici';
import { startDunlin, type StartedProcess } from '../tests/harness/process.ts';
import { temporaryFolder } from '../tests/harness/temporary.ts';

const accounts = 16;
const rounds = 3;
const roundMs = 4_000;
const warmUpMs = 1_500;
const ticksPerSecond = 100;

interface Account {
  did: string;
  token: string;
}

/** A PDS under measure. */
interface Subject {
  name: string;
  url: string;
  pid: number;
  people: Account[];
  pool: Pool;
}

interface Round {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuMsPerCall: number;
}

async function call(pool: Pool, nsid: string, body: object, token?: string): Promise<Record<string, string>> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  const response = await pool.request({ method: 'POST', path: `/xrpc/${nsid}`, headers, body: JSON.stringify(body) });
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new Error(`${nsid} answered ${response.statusCode}: ${text}`);
  return JSON.parse(text) as Record<string, string>;
}

async function makeSubject(name: string, url: string, pid: number): Promise<Subject> {
  const pool = new Pool(url, { connections: accounts });
  const people: Account[] = [];
  for (let index = 0; index < accounts; index++) {
    const input = { handle: `bench${index}.test`, email: `bench${index}@example.com`, password: 'a long enough password' };
    const { did, accessJwt } = await call(pool, 'com.atproto.server.createAccount', input);
    people.push({ did, token: accessJwt });
  }
  return { name, url, pid, people, pool };
}

/** CPU seconds a process has used, its threads included; 0 where the system does not tell. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0;
  }
}

let written = 0;

async function writeOne({ pool, people }: Subject, index: number): Promise<void> {
  const { did, token } = people[index];
  const record = { $type: 'app.bsky.feed.post', text: `record ${written++} of a bench, with a text of ordinary length`, createdAt: new Date().toISOString() };
  await call(pool, 'com.atproto.repo.createRecord', { repo: did, collection: 'app.bsky.feed.post', record }, token);
}

async function run(subject: Subject, ms: number): Promise<Round> {
  const times: number[] = [];
  const cpuBefore = cpuSeconds(subject.pid);
  const start = performance.now();
  const end = start + ms;
  const worker = async (index: number): Promise<void> => {
    for (let before = performance.now(); before < end; ) {
      await writeOne(subject, index);
      const after = performance.now();
      times.push(after - before);
      before = after;
    }
  };
  await Promise.all(subject.people.map((_account, index) => worker(index)));
  const seconds = (performance.now() - start) / 1_000;
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / seconds,
    p50Ms: times[Math.floor(times.length * 0.5)],
    p99Ms: times[Math.floor(times.length * 0.99)],
    cpuMsPerCall: ((cpuSeconds(subject.pid) - cpuBefore) * 1_000) / times.length,
  };
}

const best = (results: readonly Round[]): Round => results.toSorted((a, b) => b.perSecond - a.perSecond)[0];
const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

function report(o: { figure: string; value: number; unit: string; ratio: number | null; note?: string }): void {
  const { figure, value, unit, ratio, note } = o;
  process.stdout.write(`${JSON.stringify({ bench: 'pds-create-record', figure, value: rounded(value), unit, ratio: ratio === null ? null : rounded(ratio), against: '@atproto/pds', ...(note && { note }) })}\n`);
}

const folder = await temporaryFolder();
const opened: (() => Promise<unknown>)[] = [() => folder.remove()];
try {
  const own = async (started: Promise<StartedProcess>): Promise<StartedProcess> => {
    const child = await started;
    opened.push(() => child.stop());
    return child;
  };
  const plc = await own(startDunlin(['plc'], { PLC_PORT: '0', PLC_DATA_DIRECTORY: join(folder.path, 'plc') }));
  const plcUrl = String(plc.ready['url']);
  const ours = await own(startDunlin(['pds'], {
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DID_PLC_URL: plcUrl,
    PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true',
  }));
  const subjects = [await makeSubject('dunlin', String(ours.ready['url']), ours.child.pid ?? 0)];
  let note: string | undefined = 'the reference PDS is not installed in tests/peers, so there is nothing to compare with';
  if (existsSync(join(import.meta.dirname, '../tests/peers/node_modules/@atproto/pds'))) {
    const { startReferencePds } = await import('../tests/harness/reference-pds.ts');
    const reference = await startReferencePds({ plc: plcUrl });
    opened.push(() => reference.close());
    subjects.push(await makeSubject('reference', reference.url, reference.process.pid ?? 0));
    note = undefined;
  }
  const results = new Map<string, Round[]>(subjects.map(({ name }) => [name, []]));
  for (const subject of subjects) await run(subject, warmUpMs);
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) results.get(subject.name)?.push(await run(subject, roundMs));
  }
  const mine = best(results.get('dunlin') ?? []);
  const theirs = note === undefined ? best(results.get('reference') ?? []) : null;
  const report1 = (figure: string, unit: string, pick: (round: Round) => number, isMoreBetter: boolean): void => {
    const ratio = theirs === null ? null : isMoreBetter ? pick(mine) / pick(theirs) : pick(theirs) / pick(mine);
    report({ figure, value: pick(mine), unit, ratio, ...(note !== undefined && { note }) });
  };
  report1(`createRecord, ${accounts} accounts at once`, 'calls/s', (round) => round.perSecond, true);
  report1('latency p50', 'ms', (round) => round.p50Ms, false);
  report1('latency p99', 'ms', (round) => round.p99Ms, false);
  report1('server CPU a call', 'ms', (round) => round.cpuMsPerCall, false);
  for (const { pool } of subjects) await pool.close();
} finally {
  for (const close of opened.toReversed()) await close();
}
