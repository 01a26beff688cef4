/**
 * A relay as a process of its own that a host feeds, with the processes that serve its consumers; and a host that sends at
 * an even pace. Not a bench itself. Source: ours.
 */
import { startDunlin } from '../../tests/harness/process.ts';
import { temporaryFolder } from '../../tests/harness/temporary.ts';
import type { StandaloneHost } from '../../tests/relay/fixture/standalone-host.ts';

/** A relay that is up. */
export interface FedRelay {
  readonly url: string;
  readonly port: number;
  readonly metricsUrl: string;
  /** Its data. */
  readonly folder: string;
  /** The process that verifies and writes. */
  readonly pid: number;
  /** Those that serve consumers, when it is not that one. */
  readonly servingPids: readonly number[];
  /** Asks it to crawl a host. */
  crawl(host: StandaloneHost): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one; `settings` go into its environment. */
export async function startFedRelay(plcUrl: string, settings: Readonly<Record<string, string>> = {}): Promise<FedRelay> {
  const folder = await temporaryFolder();
  const relay = await startDunlin(['relay'], {
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: folder.path, RELAY_PLC_HOST: plcUrl,
    RELAY_ALLOW_INSECURE_HOSTS: 'true', RELAY_TRUSTED_DOMAINS: '127.0.0.1', RELAY_VERIFY_WORKERS: '1', ...settings,
  });
  const url = String(relay.ready['url']);
  return {
    url,
    port: Number(new URL(url).port),
    metricsUrl: /"metricsUrl":"([^"]+)"/.exec(relay.errorText())?.[1] ?? '',
    folder: folder.path,
    pid: relay.child.pid ?? 0,
    servingPids: [...relay.errorText().matchAll(/"pid":(\d+),"msg":"process for consumers is ready"/g)].map(([, pid]) => Number(pid)),
    async crawl({ hostname }) {
      await fetch(`${url}/xrpc/com.atproto.sync.requestCrawl`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hostname }) });
    },
    async stop() {
      await relay.stop();
      await folder.remove();
    },
  };
}

/** Sends the frames to everyone connected to a host, so many a second; resolves behind the last. */
export function pace(host: StandaloneHost, frames: readonly Uint8Array[], perSecond: number, onSend: (frame: Uint8Array) => void = () => undefined): Promise<void> {
  const startMs = performance.now();
  let at = 0;
  return new Promise((resolve) => {
    const tick = (): void => {
      const due = Math.min(frames.length, Math.ceil(((performance.now() - startMs) / 1000) * perSecond));
      for (; at < due; at++) {
        const frame = frames[at]!;
        onSend(frame);
        for (const socket of host.sockets) socket.send(frame, { binary: true });
      }
      if (at < frames.length) setTimeout(tick, 1);
      else resolve();
    };
    tick();
  });
}
