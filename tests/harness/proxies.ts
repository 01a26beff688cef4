/**
 * nginx and Caddy as programs of this machine, with the files of deploy/ and nothing changed in them but names, ports, certificates and where
 * they keep things. The programs are Debian's: installed ones, or unpacked into .data/proxies by `./dunlin test`.
 * Not for production. Source: ours.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import { join } from 'node:path';
import { makeCertificate } from './certificates.ts';
import { root } from './process.ts';
import { freePort, temporaryFolder } from './temporary.ts';
import { eventually } from './wait.ts';

export const proxyNames = ['nginx', 'caddy'] as const;
export type ProxyName = (typeof proxyNames)[number];

/** What can stand behind one. */
const hosts = ['relay', 'pds', 'appview'] as const;

/** Where `./dunlin test` unpacks the programs. */
export const proxyFolder = join(root, '.data/proxies');

const programs: Readonly<Record<ProxyName, readonly string[]>> = {
  nginx: ['/usr/sbin/nginx', join(proxyFolder, 'usr/sbin/nginx')],
  caddy: ['/usr/bin/caddy', join(proxyFolder, 'usr/bin/caddy')],
};

/** Gives the program; null when this machine has none. */
export function proxyProgram(name: ProxyName): string | null {
  return programs[name].find((path) => existsSync(path)) ?? null;
}

/** A proxy before a relay, a PDS and an app view, which it serves as relay.example.com and so on. */
export interface RunningProxy {
  readonly port: number;
  /** Of the authority its certificates are from, as PEM. */
  readonly authority: string;
  close(): Promise<void>;
}

/** Ports of the servers behind it. */
export interface Upstreams {
  readonly relay: number;
  readonly pds: number;
  readonly appview: number;
}

/** Starts one and waits until it serves each name, certificates made. @throws when it ends or does not in ten seconds */
export function startProxy(name: ProxyName, program: string, upstreams: Upstreams): Promise<RunningProxy> {
  return run(name, program, hosts, (place) => (name === 'nginx' ? prepareNginx(place, upstreams) : prepareCaddy('Caddyfile', place, upstreams)));
}

/** Starts Caddy before a PDS alone, as `startProxy`. */
export function startCaddyOfPds(program: string, pds: number): Promise<RunningProxy> {
  return run('caddy', program, ['pds'], (place) => prepareCaddy('pds.Caddyfile', place, { relay: 0, pds, appview: 0 }));
}

async function run(name: ProxyName, program: string, served: readonly string[], prepare: (place: Place) => Promise<Prepared>): Promise<RunningProxy> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const { args, environment, authority } = await prepare({ folder: folder.path, port });
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: folder.path, ...environment } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4_000); });
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await folder.remove();
  };
  try {
    for (const host of served) {
      await eventually(`${name} serves ${host}`, async () => {
        if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${said}`);
        return await isServed(port, `${host}.example.com`);
      }, 10_000);
    }
    return { port, authority: await authority(), close };
  } catch (fault) {
    await close();
    throw new Error(`${name} did not start: ${said}`, { cause: fault });
  }
}

/** Whether a handshake for the name comes to its end; whose certificate it is does not matter here. */
function isServed(port: number, servername: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

interface Prepared {
  readonly args: string[];
  readonly environment: Record<string, string>;
  readonly authority: () => Promise<string>;
}

interface Place {
  readonly folder: string;
  readonly port: number;
}

async function prepareNginx({ folder, port }: Place, upstreams: Upstreams): Promise<Prepared> {
  const authority = makeCertificate({ name: 'Test Authority', isAuthority: true });
  for (const host of hosts) {
    const { key, cert } = makeCertificate({ name: `${host}.example.com`, issuer: authority });
    await mkdir(join(folder, `${host}.example.com`));
    await writeFile(join(folder, `${host}.example.com/fullchain.pem`), cert);
    await writeFile(join(folder, `${host}.example.com/privkey.pem`), key);
  }
  const shipped = await readFile(join(root, 'deploy/nginx/dunlin.conf'), 'utf8');
  const changed = shipped
    .replaceAll('/etc/ssl/', `${folder}/`).replaceAll('listen 443', `listen 127.0.0.1:${port}`)
    .replace('127.0.0.1:2470', `127.0.0.1:${upstreams.relay}`).replace('127.0.0.1:2583', `127.0.0.1:${upstreams.pds}`).replace('127.0.0.1:2590', `127.0.0.1:${upstreams.appview}`);
  await writeFile(join(folder, 'dunlin.conf'), changed);
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  await writeFile(join(folder, 'nginx.conf'), `daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events {}
http { access_log off; ${places} include ${folder}/dunlin.conf; }
`);
  return { args: ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], environment: {}, authority: async () => authority.cert };
}

async function prepareCaddy(file: string, { folder, port }: Place, upstreams: Upstreams): Promise<Prepared> {
  const shipped = await readFile(join(root, 'deploy/caddy', file), 'utf8');
  // Certificates of an authority of its own instead of one on the internet.
  await writeFile(join(folder, 'Caddyfile'), shipped.replace('{\n', `{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system ${folder}/storage\n`));
  const host = (name: string): string => `https://${name}.example.com:${port}`;
  return {
    args: ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
    environment: {
      PDS_HOST: `pds.example.com:${port}`, RELAY_HOST: host('relay'), APPVIEW_HOST: host('appview'),
      PDS_UPSTREAM: `127.0.0.1:${upstreams.pds}`, RELAY_UPSTREAM: `127.0.0.1:${upstreams.relay}`, APPVIEW_UPSTREAM: `127.0.0.1:${upstreams.appview}`,
    },
    authority: () => readFile(join(folder, 'storage/pki/authorities/local/root.crt'), 'utf8'),
  };
}
