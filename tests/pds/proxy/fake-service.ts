/**
 * Another service of the network on a free port, under a did:web of its own: keeps what it is asked and answers what a test says.
 * Its DID document names it as app view, labeler, notification service and feed generator.
 * Not for: anything that understands lexicons. Source: ours.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  method: string;
  url: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface FakeService {
  did: string;
  url: string;
  asked: Asked[];
  /** Answers every call; by default 200 with `{}`. */
  answer: (asked: Asked, response: ServerResponse) => void;
  close(): Promise<void>;
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

export async function startFakeService(): Promise<FakeService> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const url = request.url ?? '';
      if (url === '/.well-known/did.json') return json(response, document());
      const call = { method: request.method ?? '', url, path: url.split('?')[0] ?? '', headers: request.headers, body: Buffer.concat(chunks) };
      asked.push(call);
      service.answer(call, response);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, 'localhost', resolve));
  const { port } = server.address() as AddressInfo;
  const service: FakeService = {
    did: `did:web:localhost%3A${port}`,
    url: `http://localhost:${port}`,
    asked,
    answer: (_asked, response) => json(response, {}),
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    }),
  };
  const document = (): object => ({
    id: service.did,
    service: ['bsky_appview', 'atproto_labeler', 'bsky_notif', 'other'].map((id) => ({ id: `#${id}`, type: 'Any', serviceEndpoint: service.url })),
  });
  return service;
}
