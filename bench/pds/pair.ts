/**
 * Two PDSs under measure: ours and the reference from tests/peers, as child processes with our PLC directory, with the same
 * accounts and asked by the same client. Without the reference (`./dunlin test peers` installs it) there is ours alone.
 * Not a bench itself. Place: what the pds-* benches begin with. Source: ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startByLauncher, startDunlin, type StartedProcess } from '../../tests/harness/process.ts';
import { temporaryFolder } from '../../tests/harness/temporary.ts';
import { RawClient } from './raw-client.ts';

/** How many accounts each has, and how many calls are under way at once. */
export const accountCount = 16;

const ticksPerSecond = 100;
const pageKib = 4;

export interface Account {
  did: string;
  token: string;
}

/** A PDS under measure. */
export interface Subject {
  name: 'dunlin' | 'reference';
  url: string;
  pid: number;
  people: Account[];
  client: RawClient;
}

export interface Pair {
  ours: Subject;
  theirs: Subject | null;
}

/** Makes a call and gives the answer's JSON. @throws when it is not 200 */
async function call<T>(client: RawClient, nsid: string, body: object, token?: string): Promise<T> {
  const { status, body: text } = await client.post(`/xrpc/${nsid}`, JSON.stringify(body), { ...(token !== undefined && { token }), wantsBody: true });
  if (status !== 200) throw new Error(`${nsid} answered ${status}: ${text}`);
  return JSON.parse(text ?? '') as T;
}

/** Makes a call of which nothing but the status matters. @throws when it is not 200 */
async function tell(client: RawClient, nsid: string, body: object, token: string): Promise<void> {
  const { status } = await client.post(`/xrpc/${nsid}`, JSON.stringify(body), { token });
  if (status !== 200) throw new Error(`${nsid} answered ${status}`);
}

/** Asks a query and gives how many bytes were answered. @throws when it is not 200 */
export async function ask({ client }: Subject, path: string): Promise<number> {
  const { status, bodyBytes } = await client.get(`/xrpc/${path}`);
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return bodyBytes;
}

/** Asks a query and gives its JSON; for looking at answers outside of what is timed. @throws when it is not 200 */
export async function askJson<T>({ client }: Subject, path: string): Promise<T> {
  const { status, body } = await client.get(`/xrpc/${path}`, { wantsBody: true });
  if (status !== 200) throw new Error(`${path} answered ${status}: ${body}`);
  return JSON.parse(body ?? '') as T;
}

let made = 0;

/** A new post, never the same twice. */
export function post(): object {
  return { $type: 'app.bsky.feed.post', text: `record ${made++} of a bench, with a text of ordinary length`, createdAt: new Date().toISOString() };
}

/** Writes a post by createRecord. */
export async function createPost({ client, people }: Subject, index: number): Promise<void> {
  const { did, token } = people[index];
  await tell(client, 'com.atproto.repo.createRecord', { repo: did, collection: 'app.bsky.feed.post', record: post() }, token);
}

function posts(did: string, count: number): object {
  const writes = Array.from({ length: count }, () => ({ $type: 'com.atproto.repo.applyWrites#create', collection: 'app.bsky.feed.post', value: post() }));
  return { repo: did, writes };
}

/** Writes so many posts in one applyWrites. */
export async function applyPosts({ client, people }: Subject, index: number, count: number): Promise<void> {
  const { did, token } = people[index];
  await tell(client, 'com.atproto.repo.applyWrites', posts(did, count), token);
}

/** Writes so many posts in one applyWrites, and gives their URIs. */
export async function makePosts({ client, people }: Subject, index: number, count: number): Promise<string[]> {
  const { did, token } = people[index];
  const { results } = await call<{ results: { uri: string }[] }>(client, 'com.atproto.repo.applyWrites', posts(did, count), token);
  return results.map(({ uri }) => uri);
}

/** CPU seconds a process has used, its threads included; 0 where the system does not tell. */
export function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0;
  }
}

/** Resident memory of a process in MB; 0 where the system does not tell. */
export function residentMb(pid: number): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageKib) / 1_024;
  } catch {
    return 0;
  }
}

function makeSubject(name: Subject['name'], url: string, pid: number): Subject {
  return { name, url, pid, people: [], client: new RawClient(url, accountCount) };
}

/** Makes the accounts of one; a separate step, so that a bench can look at a server nobody has used. */
export async function signUp({ client, people }: Subject): Promise<void> {
  for (let index = 0; index < accountCount; index++) {
    const input = { handle: `bench${index}.test`, email: `bench${index}@example.com`, password: 'a long enough password' };
    const { did, accessJwt } = await call<{ did: string; accessJwt: string }>(client, 'com.atproto.server.createAccount', input);
    people.push({ did, token: accessJwt });
  }
}

/** Starts both, with accounts unless told otherwise, lets `work` measure and ends them. */
export async function withPair(work: (pair: Pair) => Promise<void>, o: { hasAccounts: boolean } = { hasAccounts: true }): Promise<void> {
  const folder = await temporaryFolder();
  const opened: (() => Promise<unknown>)[] = [() => folder.remove()];
  const own = async (started: Promise<StartedProcess>): Promise<StartedProcess> => {
    const child = await started;
    opened.push(() => child.stop());
    return child;
  };
  try {
    const plc = await own(startDunlin(['plc'], { PLC_PORT: '0', PLC_DATA_DIRECTORY: join(folder.path, 'plc') }));
    const plcUrl = String(plc.ready['url']);
    const { ready, child } = await own(startByLauncher(['pds'], {
      PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DID_PLC_URL: plcUrl,
      PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true',
    }));
    const pair: Pair = { ours: makeSubject('dunlin', String(ready['url']), child.pid ?? 0), theirs: null };
    if (existsSync(join(import.meta.dirname, '../../tests/peers/node_modules/@atproto/pds'))) {
      const { startReferencePds } = await import('../../tests/harness/reference-pds.ts');
      const reference = await startReferencePds({ plc: plcUrl });
      opened.push(() => reference.close());
      pair.theirs = makeSubject('reference', reference.url, reference.process.pid ?? 0);
    }
    const subjects = pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs];
    if (o.hasAccounts) for (const subject of subjects) await signUp(subject);
    opened.push(async () => subjects.forEach(({ client }) => client.close()));
    await work(pair);
  } finally {
    for (const close of opened.toReversed()) await close();
  }
}
