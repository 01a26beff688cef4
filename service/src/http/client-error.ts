/**
 * Answers bytes that are no HTTP request, or one too large or too slow to read, with the JSON of every other fault.
 * Node would answer with an empty body; a caller learns more from a sentence.
 * Not for faults of requests that were read: those are faults.ts.
 * Source: ours; statuses as Node chooses them (RFC 9110, RFC 6585).
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Answer {
  readonly status: string;
  readonly error: string;
  readonly message: string;
}

const malformed: Answer = { status: '400 Bad Request', error: 'InvalidRequest', message: 'the bytes sent are not an HTTP request' };
const answers: Readonly<Record<string, Answer>> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', error: 'InvalidRequest', message: 'the address and headers of the request are too long' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: '413 Payload Too Large', error: 'PayloadTooLarge', message: 'the chunk extensions of the request are too long' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', error: 'RequestTimeout', message: 'the request did not arrive in time' },
};

/** Makes a server answer unreadable requests in JSON and close the connection. */
export function answerClientErrors(server: Server): void {
  const underWay = new WeakMap<Socket, ServerResponse>();
  server.on('request', ({ socket }, response) => void underWay.set(socket, response));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const last = underWay.get(socket);
    const isAnswering = last?.headersSent === true && !last.writableFinished;
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) return void socket.destroy();
    const { status, ...body } = answers[error.code ?? ''] ?? malformed;
    const text = JSON.stringify(body);
    socket.end(`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`);
  });
}
