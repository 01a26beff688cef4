/**
 * A client of the gateway on a real WebSocket, and a reader of server-sent events, both as plain as can be.
 * Source: ours.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { eventually } from '../harness/wait.ts';
import { checkFrame, type Body } from './small-gateway.ts';

export class GatewayClient {
  readonly frames: Body[] = [];
  readonly socket: WebSocket;
  closeCode: number | null = null;

  private constructor(url: string) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/xrpc/app.dunlin.live.subscribe`);
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code) => void (this.closeCode = code));
    this.socket.on('message', (data) => {
      const body = JSON.parse(String(data)) as Body;
      checkFrame(body);
      this.frames.push(body);
    });
  }

  static async open(url: string): Promise<GatewayClient> {
    const client = new GatewayClient(url);
    await once(client.socket, 'open');
    return client;
  }

  say(body: Record<string, unknown>): void {
    this.socket.send(JSON.stringify(body));
  }

  /** Waits for a frame of this type that fits, and takes it away with all before it. */
  async next(type: string, fits: (body: Body) => boolean = () => true): Promise<Body> {
    const find = (): number => this.frames.findIndex((body) => body.$type === type && fits(body));
    await eventually(`a ${type} frame`, () => find() !== -1);
    return this.frames.splice(0, find() + 1).at(-1) as Body;
  }

  close(): void {
    this.socket.close();
  }
}

/** Reads #counts from server-sent events until `enough`. */
export async function readEvents(url: string, enough: (bodies: Body[]) => boolean): Promise<{ bodies: Body[]; response: Response }> {
  const abort = new AbortController();
  const response = await fetch(url, { signal: abort.signal });
  const bodies: Body[] = [];
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) bodies.push(JSON.parse(data) as Body);
    }
    if (enough(bodies)) break;
  }
  abort.abort();
  return { bodies, response };
}
