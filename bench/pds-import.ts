/**
 * How long a PDS takes to import a repository of 128,000 records (about 45 MB), and how much memory it takes for it:
 * our PDS against the reference PDS, the same CAR, one after the other, both as child processes with our PLC directory.
 * Prints seconds and the growth of resident memory over the import, each with its ratio. Without the reference in tests/peers
 * (`./dunlin test peers` installs it) the ratio is null and `note` says so.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { startDunlin, type StartedProcess } from '../tests/harness/process.ts';
import { temporaryFolder } from '../tests/harness/temporary.ts';
import { makeRepo, newTraveller } from '../tests/pds/migration/moving.ts';

const recordCount = 128_000;
const pageKib = 4;

interface Outcome {
  seconds: number;
  growthMb: number;
  carMb: number;
}

/** Resident memory of a process in MB; 0 where the system does not tell. */
function residentMb(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageKib) / 1_024;
  } catch {
    return 0;
  }
}

function* records(): Generator<[string, object], void, undefined> {
  const createdAt = '2024-01-01T00:00:00.000Z';
  for (let index = 0; index < recordCount; index++) {
    const key = tidFromMicros(1_600_000_000_000_000 + index * 1_000_003, 1);
    const subject = { uri: `at://did:plc:${'abcdefgh234567'.repeat(2).slice(0, 24)}/app.bsky.feed.post/${key}`, cid: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' };
    if (index % 2 === 0) yield [`app.bsky.feed.like/${key}`, { $type: 'app.bsky.feed.like', subject, createdAt }];
    else yield [`app.bsky.feed.post/${key}`, { $type: 'app.bsky.feed.post', text: `post number ${index}, ${'with some words in it '.repeat(8)}`, langs: ['en'], createdAt }];
  }
}

async function run(o: { url: string; plcUrl: string; pid: number; name: string }): Promise<Outcome> {
  const who = await newTraveller(o, o.name);
  const { car } = makeRepo(who.did, who.signingKey, records());
  const beforeMb = residentMb(o.pid);
  let highestMb = beforeMb;
  const timer = setInterval(() => (highestMb = Math.max(highestMb, residentMb(o.pid))), 50);
  const start = performance.now();
  const response = await fetch(`${o.url}/xrpc/com.atproto.repo.importRepo`, {
    method: 'POST', body: car, headers: { 'content-type': 'application/vnd.ipld.car', authorization: `Bearer ${who.token}` },
  });
  const seconds = (performance.now() - start) / 1_000;
  clearInterval(timer);
  if (response.status !== 200) throw new Error(`${o.name} answered ${response.status}: ${await response.text()}`);
  const status = await fetch(`${o.url}/xrpc/com.atproto.server.checkAccountStatus`, { headers: { authorization: `Bearer ${who.token}` } });
  const { indexedRecords } = (await status.json()) as { indexedRecords: number };
  if (indexedRecords !== recordCount) throw new Error(`${o.name} has ${indexedRecords} records`);
  return { seconds, growthMb: highestMb - beforeMb, carMb: car.length / 1_000_000 };
}

function report(figure: string, value: number, unit: string, ratio: number | null, note: string | null): void {
  const rounded = (number: number): number => Number(number.toFixed(2));
  process.stdout.write(`${JSON.stringify({ bench: 'pds-import', figure, value: rounded(value), unit, ratio: ratio === null ? null : rounded(ratio), against: '@atproto/pds', ...(note !== null && { note }) })}\n`);
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
  // By name: the reference asks no directory by its address.
  const plcUrl = String(plc.ready['url']).replace('127.0.0.1', 'localhost');
  const ours = await own(startDunlin(['pds'], {
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DID_PLC_URL: plcUrl, PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true',
  }));
  const mine = await run({ url: String(ours.ready['url']), plcUrl, pid: ours.child.pid ?? 0, name: 'ours' });
  let theirs: Outcome | null = null;
  let note: string | null = 'the reference PDS is not installed in tests/peers, so there is nothing to compare with';
  if (existsSync(join(import.meta.dirname, '../tests/peers/node_modules/@atproto/pds'))) {
    const { startReferencePds } = await import('../tests/harness/reference-pds.ts');
    const reference = await startReferencePds({ plc: plcUrl, environment: { PDS_MAX_REPO_IMPORT_SIZE: '1000000000' } });
    opened.push(() => reference.close());
    theirs = await run({ url: reference.url, plcUrl, pid: reference.process.pid ?? 0, name: 'theirs' });
    note = null;
  }
  report(`import of ${recordCount} records, ${mine.carMb.toFixed(0)} MB`, mine.seconds, 's', theirs && theirs.seconds / mine.seconds, note);
  report('growth of resident memory', mine.growthMb, 'MB', theirs && theirs.growthMb / mine.growthMb, note);
} finally {
  for (const close of opened.toReversed()) await close();
}
