/**
 * app.dunlin.live.subscribe: the gateway over WebSocket. Connects a socket with a session, both ways, and nothing else.
 * Not for what is said (rooms/session.ts). Nothing secret is in the address: the token comes in the first frame.
 * Source: ours, see lexicons/app.dunlin.live.subscribe.json, docs/gateway.md.
 */
import { limitKey } from '@dunlin/service/http/client-address';
import type { WebSocketConnection } from '@dunlin/service/websocket/connection';
import type { WebSocketRoutes } from '@dunlin/service/websocket/server';
import type { Gateway } from '../rooms/gateway.ts';

/** Path of the gateway. */
export const subscribePath = '/xrpc/app.dunlin.live.subscribe';

/** Serves the gateway on a server's WebSocket endpoints. */
export function serveSubscribe(routes: WebSocketRoutes, gateway: Gateway): void {
  routes.route(subscribePath, (connection) => connect(connection, gateway));
}

function connect(connection: WebSocketConnection, gateway: Gateway): void {
  const session = gateway.open({
    send: (frame) => void connection.sendFrames(frame.wire),
    get bufferedBytes() {
      return connection.bufferedBytes;
    },
    close: (code, reason) => connection.close(code, reason),
  }, limitKey(connection.ip));
  connection.onMessage((message) => {
    if (typeof message === 'string') session.receive(message);
    else session.bye('badRequest');
  });
  connection.onDrain(() => session.drained());
  connection.onClose(() => gateway.closed(session));
}
