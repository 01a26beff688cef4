/**
 * Finds the address a request really comes from, and the name it asked for, when a reverse proxy stands before us.
 * X-Forwarded-For is believed only as far as it was written by addresses we trust; a caller cannot choose its own address.
 * Not for judging an address (public or private): that is public-address.ts. Source: ours; same default ranges as the reference PDS.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

const trustedRanges: ReadonlySet<string> = new Set(['loopback', 'linkLocal', 'private', 'uniqueLocal', 'carrierGradeNat']);
const addressKey = Symbol('client address');
const peerKey = Symbol('peer');

/** Longest X-Forwarded-For that is looked at, in characters. */
const maxForwardedLength = 1_024;

/** Gives the client's address in short form, such as '203.0.113.9' or '2001:db8::1'; 'unknown' when the socket is gone. */
export function clientAddress(request: IncomingMessage & { [addressKey]?: string }): string {
  request[addressKey] ??= readAddress(request);
  return request[addressKey];
}

interface Peer {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly text: string;
  readonly isTrusted: boolean;
}

/** A socket's other end stays the same, however many requests come on it; null when the socket is gone. */
function peerOf(socket: Socket & { [peerKey]?: Peer }): Peer | null {
  if (socket[peerKey] !== undefined) return socket[peerKey];
  const address = parseAddress(socket.remoteAddress ?? '');
  if (address === null) return null;
  socket[peerKey] = { address, text: address.toString(), isTrusted: isTrusted(address) };
  return socket[peerKey];
}

function readAddress(request: IncomingMessage): string {
  const peer = peerOf(request.socket);
  if (peer === null) return 'unknown';
  const forwarded = request.headers['x-forwarded-for'];
  if (typeof forwarded !== 'string' || !peer.isTrusted) return peer.text;
  let nearest = peer.address;
  for (const entry of forwarded.slice(-maxForwardedLength).split(',').toReversed()) {
    const hop = parseAddress(entry.trim());
    if (hop === null) break;
    nearest = hop;
    if (!isTrusted(hop)) break;
  }
  return nearest.toString();
}

function isTrusted(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return trustedRanges.has(address.range());
}

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}

/**
 * Gives the host name that the nearest proxy says it was asked for, in lower case and without a port; null when there is none that we
 * trust. For proxies that do not keep the Host header; whoever has a right one had better not look here, callers can write this too.
 */
export function forwardedHostname(request: IncomingMessage): string | null {
  const forwarded = request.headers['x-forwarded-host'];
  if (typeof forwarded !== 'string' || peerOf(request.socket)?.isTrusted !== true) return null;
  const name = forwarded.slice(-maxForwardedLength).split(',').at(-1)?.trim().toLowerCase().replace(/:\d+$/, '') ?? '';
  return name === '' ? null : name;
}

/** Gives the key under which an address is limited: the address itself, or the /64 an IPv6 client usually owns whole. */
export function limitKey(address: string): string {
  return prefixOf(address, 64);
}

/** Gives the network of an address, for places that are kept for long: the address itself, or the /48 that is the most an IPv6 client usually gets. */
export function networkKey(address: string): string {
  return prefixOf(address, 48);
}

function prefixOf(address: string, bits: 48 | 64): string {
  if (!ipaddr.IPv6.isValid(address)) return address;
  return `${ipaddr.IPv6.parse(address).toByteArray().slice(0, bits / 8).join('.')}/${bits}`;
}
