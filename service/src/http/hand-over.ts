/**
 * Gives a connection away to another process in the midst of HTTP: the request is read here, answered there.
 * The socket goes over the parent's channel together with the head of its request, written out again, and whatever was read
 * behind it; the other side puts both in front of its own server, which sees an ordinary new connection.
 * Not for requests with a body. Place in the flow: between a listener and the processes that serve its streams.
 * Source: RFC 9112 for the head; node:child_process for what becomes of a socket that is sent.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { XrpcError } from '../xrpc/errors.ts';

/** A connection that is on its way. */
export interface HandedConnection {
  readonly socket: Socket;
  /** Everything the other side is to read before the socket: the request's head and what came behind it; latin1. */
  readonly head: string;
}

/** Takes a connection off the server that asked for an upgrade on it. `rest` came behind the request. */
export function takeUpgrade(request: IncomingMessage, socket: Socket, rest: Buffer): HandedConnection {
  refuseBody(request);
  return detach(socket, headOf(request) + rest.toString('latin1'));
}

/**
 * Takes a connection off the server that read a request on it, with the answer that is not going to be written here.
 * Resolves when the server is done with the request; requests that a client sent ahead behind it are not answered.
 * @throws XrpcError 400 for a request with a body
 */
export async function takeRequest(request: IncomingMessage, response: ServerResponse): Promise<HandedConnection> {
  refuseBody(request);
  const { socket } = request;
  // The parser may be in the midst of this very request.
  await new Promise<void>((resolve) => void setImmediate(resolve));
  if (response.socket !== socket || socket.destroyed) throw new XrpcError(400, 'InvalidRequest', 'the connection is gone');
  response.detachSocket(socket);
  response.emit('close');
  return detach(socket, headOf(request));
}

/** Puts a connection that another process gave away in front of a server. */
export function receiveConnection(server: Server, { socket, head }: HandedConnection): void {
  socket.unshift(Buffer.from(head, 'latin1'));
  server.emit('connection', socket);
}

function detach(socket: Socket, head: string): HandedConnection {
  // Node would have the receiving process keep count of the sockets of this server and ask it when closing; whoever gives
  // sockets away keeps count himself.
  Object.assign(socket, { server: null });
  const rest: unknown = socket.read();
  return { socket, head: Buffer.isBuffer(rest) ? head + rest.toString('latin1') : head };
}

function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${head}\r\n`;
}

function refuseBody({ headers }: IncomingMessage): void {
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
  throw new XrpcError(400, 'InvalidRequest', 'a request for a stream has no body', { connection: 'close' });
}
