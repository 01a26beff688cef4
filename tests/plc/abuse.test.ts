/** Callers who mean harm: huge, endless and broken bodies, floods, and names with SQL in them. The directory goes on. */
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { eventually } from '../harness/wait.ts';
import { genesis, keys } from './operations.ts';

let plc: RunningPlc;
beforeAll(async () => {
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
});
afterAll(() => plc.close());
afterEach(async () => {
  const { did, operation } = genesis({ alsoKnownAs: [`at://${Math.random()}`] });
  expect((await fetch(`${plc.url}/${did}`, { method: 'POST', body: JSON.stringify(operation) })).status).toBe(200);
  expect((await fetch(`${plc.url}/${did}`)).status).toBe(200);
});

/** Opens a raw connection and gathers what comes back. */
async function openRaw(): Promise<{ socket: Socket; received: () => string; isClosed: () => boolean }> {
  const socket = connect(Number(new URL(plc.url).port), '127.0.0.1');
  let text = '';
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1'); });
  socket.on('error', () => undefined);
  socket.on('close', () => { isClosed = true; });
  await new Promise((resolve) => {
    socket.once('connect', resolve);
  });
  return { socket, received: () => text, isClosed: () => isClosed };
}

const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';

test('a body that is declared huge is refused before it is sent', async () => {
  const { socket, received } = await openRaw();
  socket.write(`POST /${did} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n{`);
  await eventually('the refusal comes', () => received().startsWith('HTTP/1.1 413'));
  socket.destroy();
});

test('a body without end is refused at the bound and then cut off', async () => {
  const { socket, received, isClosed } = await openRaw();
  socket.write(`POST /${did} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  let sentBytes = 0;
  await eventually('the connection is cut', () => {
    if (!isClosed() && socket.writable && socket.writableLength < 1_000_000) sentBytes += socket.write(chunk.repeat(8)) ? chunk.length * 8 : 0;
    return isClosed();
  });
  expect(received()).toContain('413');
  expect(sentBytes).toBeLessThan(50_000_000);
});

test('a body that breaks off stores nothing', async () => {
  const { did: own, operation } = genesis({ alsoKnownAs: ['at://broken.test'] });
  const json = JSON.stringify(operation);
  const { socket } = await openRaw();
  socket.write(`POST /${own} HTTP/1.1\r\nhost: x\r\ncontent-length: ${json.length}\r\n\r\n${json.slice(0, -1)}`);
  await new Promise((resolve) => {
    socket.end(() => resolve(null));
  });
  socket.destroy();
  expect((await fetch(`${plc.url}/${own}`)).status).toBe(404);
});

test('a flood of nonsense is answered, each with 4xx', async () => {
  const bodies = ['{}', '[', 'null', JSON.stringify({ type: 'plc_operation' }), JSON.stringify({ ...genesis().operation, rotationKeys: Array(500).fill(keys[0].did) }), '{"a":'.repeat(2_000)];
  const statuses = await Promise.all(Array.from({ length: 300 }, async (_, index) => {
    const response = await fetch(`${plc.url}/${did}`, { method: 'POST', body: bodies[index % bodies.length] });
    await response.arrayBuffer();
    return response.status;
  }));
  expect(new Set(statuses)).toEqual(new Set([400]));
});

test.each([`${did}' OR '1'='1`, `${did};DROP TABLE operation`, `${did}%00`, '..%2f..%2fetc%2fpasswd', '%ff', '%', 'xxxxxxxx'.repeat(1_000), '%F0%9F%92%A5'].map((path) => [path.slice(0, 40), path]))('a path like %s finds nothing', async (_name, path) => {
  for (const suffix of ['', '/data', '/log', '/log/audit']) {
    const response = await fetch(`${plc.url}/${path}${suffix}`);
    expect([400, 404]).toContain(response.status);
    expect((await response.text()).length).toBeLessThan(500);
  }
  expect((await fetch(`${plc.url}/${path}`, { method: 'POST', body: JSON.stringify(genesis().operation) })).status).toBeGreaterThanOrEqual(400);
});

test('an operation whose texts hold SQL, markup and control characters comes back as it was', async () => {
  const nasty = ["'; DROP TABLE operation; --", '<img src=x onerror=alert(1)>', '\u0000\u001f\u2028', '💥', '${process.exit()}'];
  const { did: own, operation } = genesis({ alsoKnownAs: nasty });
  expect((await fetch(`${plc.url}/${own}`, { method: 'POST', body: JSON.stringify(operation) })).status).toBe(200);
  expect(((await (await fetch(`${plc.url}/${own}`)).json()) as { alsoKnownAs: string[] }).alsoKnownAs).toEqual(nasty);
  expect(await (await fetch(plc.url)).text()).not.toContain('<img');
});
