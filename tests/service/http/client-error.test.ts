import { connect } from 'node:net';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerClientErrors } from '@dunlin/service/http/client-error';

let server: Server;
beforeAll(async () => {
  server = createServer({ maxHeaderSize: 1_000 }, (_request, response) => response.end('fine'));
  answerClientErrors(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** What comes back for bytes, and for more bytes sent after the first answer. */
function answerTo(bytes: string, then = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (then !== '' && answer.endsWith('fine')) socket.write(then);
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

test.each([
  ['bytes that are no HTTP', '\x16\x03\x01 hello\r\n\r\n', '400', 'InvalidRequest'],
  ['a head over the bound', `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(1_100)}\r\n\r\n`, '431', 'InvalidRequest'],
])('answers %s with a status, an error name and a sentence', async (_what, bytes, status, error) => {
  const [head, body] = (await answerTo(bytes)).split('\r\n\r\n');
  expect(head.split(' ')[1]).toBe(status);
  expect(JSON.parse(body)).toEqual({ error, message: expect.stringMatching(/^[a-z].+/) });
});

test('leaves a head within the bound alone', async () => {
  const answer = await answerTo(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ${'y'.repeat(800)}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test('answers in JSON on a connection that has served a good request before', async () => {
  const answer = await answerTo('GET / HTTP/1.1\r\nHost: x\r\n\r\n', `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(1_100)}\r\n\r\n`);
  expect(answer).toContain('fine');
  expect(answer).toContain('HTTP/1.1 431');
});
