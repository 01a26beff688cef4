/** What of OAuth and second factors reaches the log: no token, code, password or secret; and no line at all for what callers do wrong. */
import { randomBytes } from 'node:crypto';
import type { Logger } from '@dunlin/service/log/logger';
import { AtpAgent } from '@atproto/api';
import { startPlc } from '../../../plc/src/plc.ts';
import { readPdsConfig } from '../../../pds/src/config.ts';
import { startPds } from '../../../pds/src/pds.ts';
import { silentLogger } from '@dunlin/service/log/logger';
import { temporaryFolder } from '../../harness/temporary.ts';
import { authorize, RawBrowser, RawClient, send } from './raw-client.ts';

const lines: { level: string; text: string }[] = [];
const keep = (level: string) => (...parts: unknown[]): void => void lines.push({
  level, text: JSON.stringify(parts, (_key, value: unknown) => (value instanceof Error ? { stack: value.stack, ...value } : value)),
});
const log = Object.assign(Object.create(silentLogger) as Logger, {
  debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error'), fatal: keep('fatal'), child: () => log,
});

test('secrets stay out, and callers\' mistakes make no noise', async () => {
  const folder = await temporaryFolder();
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  const pds = await startPds(readPdsConfig({ PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_DEV_MODE: 'true' }), { log });
  try {
    const { did, accessJwt } = (await new AtpAgent({ service: pds.url }).createAccount({ handle: 'ada.test', email: 'ada@people.org', password: 'ada password' })).data;
    const { client, tokens, code, browser } = await authorize(pds.url, { name: 'ada', did });
    await client.renew(tokens.refresh_token);
    await client.redeem(code);
    await client.renew(tokens.refresh_token);
    await client.call(tokens.access_token, '/xrpc/com.atproto.server.getSession');
    await browser.signIn('ada.test', 'wrong password');
    await browser.signIn('ada.test', 'ada password', { emailOtp: 'ABCDE-ABCDE' });
    for (const endpoint of ['/sign-in', '/sign-up', '/consent', '/reject', '/update-handle', '/reset-password-confirm', '/nothing']) {
      for (const body of [{}, { did: 5 }, { did, handle: '..' }, [], { password: 'a secret word' }]) await browser.ask(endpoint, body);
    }
    for (const path of ['/oauth/par', '/oauth/token', '/oauth/revoke', '/oauth/authorize', '/oauth/authorize/redirect', '/account', '/account/second-step/finish']) {
      for (const body of ['{', '[]', '{"client_id":7}', randomBytes(50).toString('latin1'), JSON.stringify({ client_id: client.clientId, token: 'ey.ey.ey', grant_type: 'authorization_code', code: 'x' })]) {
        await send(`${pds.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', dpop: 'nonsense' } });
      }
      await send(`${pds.url}${path}?request_uri=urn:x&client_id=%00`, { headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none', cookie: 'dev-id=x; ses-id=;;=' } });
    }
    for (const token of ['a', 'a.b.c', `${'x'.repeat(9_000)}`, tokens.refresh_token]) {
      await send(`${pds.url}/xrpc/com.atproto.server.getSession`, { headers: { authorization: `DPoP ${token}`, dpop: await client.prover.proof('GET', pds.url) } });
    }
    const another = new RawBrowser(pds.url);
    await another.begin(new RawClient(pds.url));
    await another.open('/account/second-step');
    expect(lines.filter(({ level }) => level === 'debug').length).toBeGreaterThan(20);
    expect(lines.filter(({ level }) => level !== 'debug' && level !== 'info')).toEqual([]);
    const everything = lines.map(({ text }) => text).join('\n');
    for (const secret of [accessJwt, tokens.access_token, tokens.refresh_token, code, 'ada password', 'wrong password', 'a secret word', 'ABCDE-ABCDE', browser.cookies.get('ses-id')!]) {
      expect(everything).not.toContain(secret);
    }
  } finally {
    await pds.close();
    await plc.close();
    await folder.remove();
  }
});
