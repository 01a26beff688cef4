/** Tests of the client's address: a proxy we trust may name it, the client itself may not. */
import { describe, expect, test } from '@jest/globals';
import type { IncomingMessage } from 'node:http';
import { clientAddress, forwardedHostname, limitKey, networkKey } from '@dunlin/service/http/client-address';

function addressOf(peer: string | undefined, forwarded?: string): string {
  return clientAddress({ socket: { remoteAddress: peer }, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage);
}

describe('the address of a client', () => {
  test.each([
    ['a stranger is taken at its socket’s word only', '203.0.113.9', '1.1.1.1', '203.0.113.9'],
    ['a proxy beside us names the client', '127.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a proxy in the private network too', '10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['what the client wrote itself stands further left and is not believed', '127.0.0.1', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['a chain of our own proxies is followed', '127.0.0.1', '203.0.113.9, 10.0.0.2, 10.0.0.1', '203.0.113.9'],
    ['nonsense ends the chain', '127.0.0.1', '203.0.113.9, nonsense', '127.0.0.1'],
    ['IPv4 inside IPv6 is IPv4', '::ffff:203.0.113.9', undefined, '203.0.113.9'],
    ['IPv6 is written short', '2001:db8:0:0:0:0:0:1', undefined, '2001:db8::1'],
    ['without a socket it is unknown', undefined, '203.0.113.9', 'unknown'],
  ])('%s', (_name, peer, forwarded, wanted) => {
    expect(addressOf(peer, forwarded)).toBe(wanted);
  });

  test('is looked for in a bounded part of the header only', () => {
    expect(addressOf('127.0.0.1', `203.0.113.9, ${'10.0.0.1, '.repeat(200)}10.0.0.1`)).toBe('10.0.0.1');
  });
});

test.each([
  ['is told by a proxy beside us', '127.0.0.1', 'Alice.test:443', 'alice.test'],
  ['is the one that the nearest proxy wrote', '10.1.2.3', 'mallory.test, alice.test', 'alice.test'],
  ['is not told by a stranger', '203.0.113.9', 'alice.test', null],
  ['is not there when nobody tells it', '127.0.0.1', undefined, null],
  ['is not there when it is empty', '127.0.0.1', 'alice.test, ', null],
])('the name that was asked for %s', (_name, peer, forwarded, wanted) => {
  expect(forwardedHostname({ socket: { remoteAddress: peer }, headers: { 'x-forwarded-host': forwarded } } as unknown as IncomingMessage)).toBe(wanted);
});

test('limits count an IPv6 network of 64 bits as one', () => {
  expect(limitKey('2001:db8:1:2::1')).toBe(limitKey('2001:db8:1:2:ffff::9'));
  expect(limitKey('2001:db8:1:2::1')).not.toBe(limitKey('2001:db8:1:3::1'));
  expect(limitKey('203.0.113.9')).toBe('203.0.113.9');
  expect(networkKey('2001:db8:1:2::1')).toBe(networkKey('2001:db8:1:3::9'));
  expect(networkKey('2001:db8:1:2::1')).not.toBe(networkKey('2001:db8:2:2::1'));
  expect(networkKey('203.0.113.9')).toBe('203.0.113.9');
});
