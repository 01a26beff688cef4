/**
 * A process that serves consumers of the relay: it follows the log's files and streams them, and does nothing else.
 * Not for verifying or writing, nor for any other part of the API: connections come from the relay with their request, and
 * each serves that one request. Place in the flow: hop 8. Started by child.ts.
 * Source: ours, see docs/decisions/0018.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createApp, makeServer } from '@dunlin/service/http/app';
import { receiveConnection } from '@dunlin/service/http/hand-over';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import { endChild, runChild } from '@dunlin/service/lifecycle/child';
import type { ParentLink } from '@dunlin/service/lifecycle/child';
import { Lifecycle } from '@dunlin/service/lifecycle/service';
import { createLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { FollowedLog } from '../log/followed-log.ts';
import { localFanout } from './fanout.ts';
import type { Beginning, FromProcess, Request, ToProcess } from './messages.ts';

type Service = ReturnType<typeof begin>;

/** Sets everything up; the relay has counted every connection already, so the bounds here are only the second net. */
function begin({ folder, log: all, serverName, logLevel, maxHeaderBytes, ringBytes }: Beginning) {
  const logger = createLogger('relay', { level: logLevel });
  const lifecycle = new Lifecycle(logger);
  const log = new FollowedLog(folder, all);
  lifecycle.own('log', () => log.close());
  const metrics = createMetrics('relay');
  const app = createApp({ log: logger, metrics, serverName });
  app.use(async (context, next) => {
    context.set('connection', 'close');
    await next();
  });
  const router = createRouter();
  mountRouter(app, router);
  const server = makeServer(app, { maxHeaderBytes });
  const websocket = createWebSocketServer({ server }, { log: logger });
  lifecycle.own('websocket', () => websocket.close());
  const fanout = localFanout({ log, ringBytes, metrics, logger, clock: systemClock });
  fanout.mount({ websocket, router });
  lifecycle.own('consumers', () => fanout.close());
  return { log, server, metrics, fanout, close: () => lifecycle.close() };
}

async function answer(id: number, request: Request, { log, metrics, fanout, close }: Service, parent: ParentLink<FromProcess>): Promise<void> {
  switch (request.kind) {
    case 'forget':
      await fanout.forget();
      return parent.send({ kind: 'done', id });
    case 'dropOldest':
      await log.dropOldest();
      return parent.send({ kind: 'done', id });
    case 'consumers':
      return parent.send({ kind: 'done', id, consumers: await fanout.consumers() });
    case 'figures':
      return parent.send({ kind: 'done', id, figures: await metrics.figures() });
    case 'close':
      await close();
      return endChild();
  }
}

runChild<ToProcess, FromProcess>(createLogger('relay'), (parent) => {
  let service: Service | null = null;
  parent.send({ kind: 'up' });
  return {
    lastWord: (error) => (error instanceof AssertionFailure ? { kind: 'fault', message: error.message } : null),
    onMessage(message, socket) {
      if (message.kind === 'begin') {
        service = begin(message.with);
        return parent.send({ kind: 'ready' });
      }
      // Before it has begun it holds nothing: there is nothing to forget or to close.
      if (service === null) return message.kind === 'request' && message.request.kind !== 'close' ? parent.send({ kind: 'done', id: message.id }) : endChild();
      if (message.kind === 'grow') service.log.grow(message.growth);
      else if (message.kind === 'request') void answer(message.id, message.request, service, parent);
      else if (socket === null) parent.send({ kind: 'ended', id: message.id });
      else {
        socket.once('close', () => parent.send({ kind: 'ended', id: message.id }));
        socket.on('error', () => undefined);
        receiveConnection(service.server, { socket, head: message.head });
      }
    },
  };
});
