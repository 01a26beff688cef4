/**
 * Every XRPC method of a PDS, a relay and an app view. First each is taken to success and fed near misses of that (methods/); then, for the
 * rest of the time, input at random by the lexicons, signed in, as the operator, with a wrong token and with none.
 * Answers are errors by name or outputs that fit the lexicon, never a 500; memory is flat. Not for: streams (fuzz-frames). Source: AT Protocol specs "XRPC" and "Lexicon".
 */
import { join } from 'node:path';
import { startAppview } from '@dunlin/appview/appview';
import { silentLogger } from '@dunlin/service/log/logger';
import { loadLexicons, ourLexiconIds } from '@dunlin/service/xrpc/lexicons';
import { FakeNetwork, type FakeAccount } from '../appview/fake-repo.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { post, startSmallPds, type Person, type SmallPds } from '../pds/small-pds.ts';
import { FakeAccount as RelayAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';
import { LexiconValues, type Names } from './lexicon-values.ts';
import { MethodCaller, type Authorization } from './method-caller.ts';
import { FlatMemory } from './memory.ts';
import { lineOf, proveEveryMethod } from './methods/every-method.ts';
import type { MethodReport } from './methods/prove.ts';
import type { Soak, SoakRun } from './soak.ts';

const callsPerPerson = 400;
const atOnce = 6;

/** A server and how to speak to it. */
interface Target {
  readonly name: string;
  readonly url: string;
  /** Headers by kind of caller. */
  authorizations(nsid: string): Authorization[];
}

/** The soak. */
export const soak: Soak = async (run) => {
  const began = performance.now();
  const proven = await proveAll(run);
  run.say(proven);
  return `${proven}; ${await fuzzAtRandom({ ...run, minutes: Math.max(0.2, run.minutes - (performance.now() - began) / 60_000) })}`;
};

/** Every method, all near misses. @throws when one fails, hangs, or answers what its lexicon does not know */
async function proveAll({ random, step, say }: SoakRun): Promise<string> {
  const memory = new FlatMemory(60_000_000);
  const reports = await proveEveryMethod({
    random, share: 1,
    onMethod: (report) => {
      step(`${report.server} ${report.nsid} and near misses`);
      say(lineOf(report));
      memory.look();
    },
  });
  const faults = reports.flatMap(({ server, nsid, faults: each }) => each.map((fault) => `${server} ${nsid}: ${fault}`));
  if (faults.length > 0) throw new Error(`${faults.length} wrong answers:\n${faults.join('\n')}`);
  const sum = (count: (report: MethodReport) => number): number => reports.reduce((total, report) => total + count(report), 0);
  return `${reports.length} methods, each to success, ${sum((each) => each.succeeded)} successes, ${sum((each) => each.refused)} refusals, ${sum((each) => each.failed)} not here or upstream, memory ${memory.judge()}`;
}

const fuzzAtRandom: Soak = async (run) => {
  const folder = await temporaryFolder();
  const [pds, relay, firehose] = [await startSmallPds({ resolveTxt: notFound }), await TestRelay.start(), await FakeFirehose.start()];
  const network = new FakeNetwork(firehose);
  const appview = await startAppview(
    { port: 0, dataDirectory: folder.path, relayUrl: firehose.url, isDevMode: true, demoFile: join(folder.path, 'demo.json'), pageFolder: join(folder.path, 'page') },
    { log: silentLogger, resolver: network.resolver },
  );
  const account = network.account('did:plc:bbbbbbbbbbbbbbbbbbbbbbbb');
  try {
    const host = await relay.crawledHost();
    const relayed = relay.register(new RelayAccount(), host);
    for (let n = 0; n < 5; n++) host.send(relayed.commit());
    return await fuzz(run, pds, names(relayed.did, host.hostname), (person) => [
      { name: 'pds', url: pds.url, authorizations: () => pdsCallers(pds, person) },
      { name: 'relay', url: relay.relay.url, authorizations: () => [{}, relay.operator] },
      { name: 'appview', url: appview.url, authorizations: (nsid) => [{}, bearer(account, appview.did, nsid)] },
    ]);
  } finally {
    await appview.close();
    await relay.close();
    await pds.close();
    await firehose.close();
    await folder.remove();
  }
};

function notFound(): Promise<never> {
  return Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
}

function bearer(account: FakeAccount, audience: string, nsid: string): Authorization {
  return { authorization: `Bearer ${account.token(audience, nsid)}` };
}

function pdsCallers({ admin }: SmallPds, { token, refreshToken }: Person): Authorization[] {
  return [{}, { authorization: `Bearer ${token}` }, { authorization: `Bearer ${token}` }, { authorization: `Bearer ${refreshToken}` }, admin, { authorization: 'Bearer a.b.c' }, { authorization: `Bearer ${token}x` }];
}

async function fuzz({ random, minutes, step, say }: SoakRun, pds: SmallPds, known: Names, targetsOf: (person: Person) => Target[]): Promise<string> {
  const lexicons = loadLexicons();
  const values = new LexiconValues(lexicons, random, known);
  const caller = new MethodCaller(lexicons, random, values);
  const nsids = [...lexicons].map(({ id }) => id).filter((id) => /^com\.atproto\.|^app\.dunlin\./.test(id) || ourLexiconIds().includes(id))
    .filter((id) => ['query', 'procedure'].includes(String(lexicons.getDef(id)?.type)));
  const memory = new FlatMemory(60_000_000);
  const end = performance.now() + minutes * 60_000;
  for (let people = 0; performance.now() < end; people++) {
    step(`person ${people} signs up`);
    const person = await pds.newPerson(`fuzz${people}`);
    await addPerson(pds, person, known, people);
    const targets = targetsOf(person);
    for (let n = 0; n < callsPerPerson && performance.now() < end; n += atOnce) {
      step(`person ${people}, calls ${n} to ${n + atOnce - 1}`);
      values.oddness = random.pick([0, 0.02, 0.1, 0.3]);
      await Promise.all(Array.from({ length: atOnce }, () => {
        const target = targets[random.pick([0, 0, 0, 1, 2])]!;
        // What a server does not have is asked for once.
        const nsid = random.pick(nsids.filter((id) => caller.isServed(target.name, id)));
        return caller.call(target, nsid, random.pick(target.authorizations(nsid)));
      }));
    }
    memory.look();
    if (people % 5 === 0) say(caller.text);
  }
  return `${nsids.length} methods, ${caller.text}, memory ${memory.judge()}`;
}

async function addPerson(pds: SmallPds, person: Person, known: Names, number: number): Promise<void> {
  const { json } = await pds.call('com.atproto.repo.createRecord', { body: { repo: person.did, collection: 'app.bsky.feed.post', record: post('hello') }, token: person.token });
  const uri = String(json['uri']);
  // The newest names come in place of older ones, so that the tables stay short.
  const put = (format: string, ...texts: string[]): void => { known[format] = [...(known[format] ?? []).slice(0, 8), ...texts]; };
  for (const format of ['did', 'at-identifier']) put(format, person.did, person.did);
  for (const format of ['handle', 'at-identifier']) put(format, `fuzz${number}.test`, `fuzz${number}.test`);
  put('at-uri', uri, uri);
  put('cid', String(json['cid']));
  put('record-key', uri.split('/').at(-1)!);
  put('any', person.did, `fuzz${number}.test`, uri, `fuzz${number} password`, person.token);
}

function names(relayed: string, hostname: string): Names {
  return {
    did: [relayed, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 'did:web:localhost', 'did:web:a.invalid', 'did:key:x'],
    handle: ['nobody.test', 'handle.invalid', 'x.localhost', 'ada.example'],
    'at-identifier': [relayed, 'nobody.test', 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'],
    'at-uri': [`at://${relayed}/app.bsky.feed.post/1`, `at://${relayed}`, 'at://nobody.test/app.dunlin.live.room/self', `at://${relayed}/app.dunlin.live.room/a`],
    uri: ['https://example.invalid/x', 'at://did:plc:a/b/c', 'urn:x:y'],
    nsid: ['app.bsky.feed.post', 'app.dunlin.live.room', 'com.example.thing', 'com.atproto.repo.createRecord'],
    cid: ['bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG'],
    datetime: ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z', '1985-04-12T23:20:50.123-05:00', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z'],
    tid: ['3jzfcijpj2z2a', '7777777777777', '2222222222222'],
    'record-key': ['self', '3jzfcijpj2z2a', 'a', '~.:-_'],
    language: ['en', 'de-CH'],
    any: [hostname, 'x', 'app.bsky.feed.post', '0', '1', 'a@people.org', 'takendown', 'deactivated', '3jzfcijpj2z2a', 'rsa', 'com.atproto.access'],
  };
}
