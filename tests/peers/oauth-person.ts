/**
 * A client of `@atproto/oauth-client-node` for tests, with a place it is called back at, and a person who signs in with Chromium.
 * Not for: clients whose metadata is on the web; this one is a loopback client.
 * Source: ours; client as its README sets it up.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeOAuthClient, type NodeSavedSession, type NodeSavedState } from '@atproto/oauth-client-node';
import { chromium, type Browser, type Page } from 'playwright-core';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Starts Chromium. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
}

export interface TestClient {
  client: NodeOAuthClient;
  sessions: Map<string, NodeSavedSession>;
  /** Resolves with the next call back's parameters. */
  calledBack(): Promise<URLSearchParams>;
  close(): Promise<void>;
}

/** Makes a client that may ask for these scopes. */
export async function startClient({ plcUrl, scope }: { plcUrl: string; scope: string }): Promise<TestClient> {
  let hear: (query: URLSearchParams) => void = () => undefined;
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>signed in</title><p id="done">Back at the app</p>');
    if (url.pathname === '/callback') hear(url.searchParams);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  const callback = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  const states = new Map<string, NodeSavedState>();
  const sessions = new Map<string, NodeSavedSession>();
  const client = new NodeOAuthClient({
    allowHttp: true,
    plcDirectoryUrl: plcUrl,
    handleResolver: { resolve: () => Promise.resolve(null) },
    clientMetadata: {
      client_id: `http://localhost?${new URLSearchParams({ redirect_uri: callback, scope })}`,
      redirect_uris: [callback as `http://127.0.0.1:${string}`],
      scope,
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: true,
    },
    stateStore: store(states),
    sessionStore: store(sessions),
    requestLock: async (_name, work) => work(),
  });
  return {
    client, sessions,
    calledBack: () => new Promise((resolve) => (hear = resolve)),
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

function store<V>(held: Map<string, V>): { get(key: string): V | undefined; set(key: string, value: V): void; del(key: string): void } {
  return { get: (key) => held.get(key), set: (key, value) => void held.set(key, value), del: (key) => void held.delete(key) };
}

/** Fills in the provider's sign-in form. */
export async function signIn(page: Page, username: string, password: string): Promise<void> {
  await page.getByRole('button', { name: 'Sign in' }).first().click();
  await page.locator('input[name=username]').fill(username);
  await page.locator('input[name=password]').fill(password);
  await page.locator('form').getByRole('button', { name: 'Sign in' }).click();
}
