/**
 * The reference PDS and ours side by side, each with its own mail and app view, both with one directory; how they are asked, and how what
 * they say is made comparable: words in the place of what depends on the server and the moment.
 * Place: the differential tests of this folder. Source: ours.
 */
import { silentLogger } from '@dunlin/service/log/logger';
import { startPds } from '../../pds/src/pds.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { startReferencePds } from '../harness/reference-pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { startMailServer, type MailServer } from '../pds/mail/mail-server.ts';
import { startFakeService, type FakeService } from '../pds/proxy/fake-service.ts';
import { call as callPds, type Answer, type CallOptions } from '../pds/small-pds.ts';

/** One of the two. */
export interface Side {
  name: 'reference' | 'ours';
  url: string;
  mail: MailServer;
  appView: FakeService;
  /** What earlier steps remembered. */
  kept: Record<string, string>;
}

/** Asks a side one thing. */
export type Ask = (side: Side) => Promise<Answer>;

/** Starts both; the closers are to be called last one first. */
export async function startBoth(): Promise<{ sides: [reference: Side, ours: Side]; plcUrl: string; close(): Promise<void> }> {
  const folder = await temporaryFolder();
  const closers: (() => Promise<unknown>)[] = [() => folder.remove()];
  const own = async <T extends { close(): Promise<unknown> }>(started: Promise<T>): Promise<T> => {
    const server = await started;
    closers.push(() => server.close());
    return server;
  };
  const plc = await own(startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger }));
  const plcUrl = plc.url.replace('127.0.0.1', 'localhost');
  const [mailA, mailB, appViewA, appViewB] = [await own(startMailServer()), await own(startMailServer()), await own(startFakeService()), await own(startFakeService())];
  const environment = (mail: MailServer, appView: FakeService): Record<string, string> => ({
    PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'pds@example.org', PDS_BSKY_APP_VIEW_URL: appView.url, PDS_BSKY_APP_VIEW_DID: appView.did,
    PDS_ADMIN_PASSWORD: 'admin', PDS_CONTACT_EMAIL_ADDRESS: 'op@example.org', PDS_PRIVACY_POLICY_URL: 'https://example.org/p',
    PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: '7f'.repeat(32),
  });
  const reference = await own(startReferencePds({ plc: plcUrl, environment: environment(mailA, appViewA) }));
  const ours = await own(startPds(readPdsConfig({
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true', ...environment(mailB, appViewB),
  }), { log: silentLogger }));
  return {
    sides: [
      { name: 'reference', url: reference.url, mail: mailA, appView: appViewA, kept: {} },
      { name: 'ours', url: ours.url, mail: mailB, appView: appViewB, kept: {} },
    ],
    plcUrl,
    close: async () => {
      for (const close of closers.toReversed()) await close();
    },
  };
}

/** Headers of the operator. */
export const admin = { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` };
/** A call of a method; `keep` may remember something of the answer. */
export const x = (nsid: string, o: CallOptions | ((side: Side) => CallOptions) = {}, keep?: (side: Side, answer: Answer) => void): Ask => async (side) => {
  const answer = await callPds(side.url, nsid, typeof o === 'function' ? o(side) : o);
  keep?.(side, answer);
  return answer;
};
/** A plain request. */
export const plain = (path: string, init: RequestInit = {}): Ask => async ({ url }) => {
  const response = await fetch(`${url}${path}`, { redirect: 'manual', ...init });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, bytes, json: isJson ? (JSON.parse(bytes.toString()) as Answer['json']) : {} };
};
/** As somebody whose token was kept. */
export const as = (who: 'alice' | 'bob' | 'app' | 'privileged', o: CallOptions | ((side: Side) => CallOptions) = {}) => (side: Side): CallOptions => ({ ...(typeof o === 'function' ? o(side) : o), token: side.kept[who]! });
/** Puts words in the place of what depends on the server and the moment. */
export function normal(value: unknown, side: Side): unknown {
  if (typeof value === 'string') return normalText(value, side);
  if (Array.isArray(value)) return value.map((item) => normal(item, side));
  if (typeof value !== 'object' || value === null) return value;
  // How many nodes a tree has depends on its keys, which have the time in them.
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, key === 'repoBlocks' ? 'BLOCKS' : normal(item, side)]));
}

function normalText(text: string, { kept, url, appView }: Side): string {
  return text
    .replaceAll(kept['did'] || '\0', 'DID').replaceAll(kept['bobDid'] || '\0', 'BOB').replaceAll(url, 'URL').replaceAll(appView.did, 'APPVIEW')
    .replaceAll(`did:web:localhost%3A${new URL(url).port}`, 'SERVER').replaceAll('did:web:localhost', 'SERVER')
    .replaceAll(/did:plc:[a-z2-7]{24}/g, 'PLC').replaceAll(/did:key:z\w+/g, 'KEY').replaceAll(/\bz(Q3s|PT3)\w+/g, 'MULTIKEY')
    .replaceAll(/\beyJ[\w.-]+/g, 'JWT').replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(/\b3[a-z2-7]{12}\b/g, 'TID').replaceAll(/\b\d{13}::/g, 'MS::')
    .replaceAll(/\bbafyrei[a-z2-7]{52}/g, 'CID').replaceAll(/\b[a-z2-7]{4}(-[a-z2-7]{4}){3}\b/g, 'SECRET').replaceAll(/localhost-[a-z2-7]{5}-[a-z2-7]{5}/g, 'INVITE').replaceAll(/^[\w-]{86}$/g, 'SIGNATURE');
}

