import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { bodyStream, rawBodyStream, readBody } from '@dunlin/service/xrpc/body';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Opens a server, sends it the head of a request with these headers and gives both ends. */
async function begin(headers: string): Promise<{ request: IncomingMessage; client: Socket }> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  closers.push(() => client.destroy(), () => server.close());
  const arrived = once(server, 'request') as Promise<[IncomingMessage]>;
  client.write(`POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
  const [request] = await arrived;
  return { request, client };
}

describe('a body that is not packed', () => {
  test('is whole when it comes in pieces', async () => {
    const { request, client } = await begin('Content-Length: 10');
    const body = readBody(request, 10);
    client.write('hello');
    await once(request, 'data');
    client.write('world');
    expect((await body).toString()).toBe('helloworld');
  });

  test.each(['', 'Content-Encoding: identity\r\n'])('is bounded while it streams in', async (more) => {
    const { request, client } = await begin(`${more}Transfer-Encoding: chunked`);
    const body = readBody(request, 10);
    client.write('6\r\n123456\r\n5\r\n12345\r\n');
    await expect(body).rejects.toMatchObject({ status: 413 });
  });

  test('that its sender does not finish is refused, and so is one whose sender has already gone', async () => {
    const { request, client } = await begin('Content-Length: 10');
    const body = readBody(request, 10);
    client.write('hello');
    await once(request, 'data');
    client.destroy();
    await expect(body).rejects.toMatchObject({ status: 400, message: 'request was cut short' });
    await expect(readBody(request, 10)).rejects.toMatchObject({ status: 400 });
  });

  test.each([['packed or not', bodyStream], ['as it was sent', rawBodyStream]])('as a stream, %s, ends with a fault when its sender has already gone', async (_what, open) => {
    const { request, client } = await begin('Content-Length: 10');
    client.write('hello');
    const closed = once(request, 'close').catch(() => undefined);
    client.destroy();
    await closed;
    const read = async (): Promise<void> => {
      for await (const _chunk of open(request, 10)) continue;
    };
    await expect(read()).rejects.toMatchObject({ status: 400, message: 'request was cut short' });
  });

  test('may be empty', async () => {
    const { request, client } = await begin('Transfer-Encoding: chunked');
    const body = readBody(request, 10);
    client.write('0\r\n\r\n');
    expect((await body).length).toBe(0);
  });
});
