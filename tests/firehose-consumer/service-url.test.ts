/** Which service addresses are understood, and how. */
import { expect, test } from '@jest/globals';
import { literalAddress, subscribeReposPath, subscriptionUrl } from '../../firehose-consumer/src/service-url.ts';

test.each([
  ['wss://relay.example', 'wss://relay.example/xrpc/com.atproto.sync.subscribeRepos'],
  ['https://relay.example/', 'wss://relay.example/xrpc/com.atproto.sync.subscribeRepos'],
  ['http://localhost:2470', 'ws://localhost:2470/xrpc/com.atproto.sync.subscribeRepos'],
  ['ws://[::1]:2470', 'ws://[::1]:2470/xrpc/com.atproto.sync.subscribeRepos'],
  ['relay.example', 'wss://relay.example/xrpc/com.atproto.sync.subscribeRepos'],
  ['relay.example:8080', 'wss://relay.example:8080/xrpc/com.atproto.sync.subscribeRepos'],
  ['wss://relay.example/other?x=1', 'wss://relay.example/other?x=1'],
])('%s is dialled as %s', (service, url) => {
  expect(subscriptionUrl(service, subscribeReposPath).href).toBe(url);
});

test('parameters are added to those the service already has', () => {
  expect(subscriptionUrl('wss://relay.example/s?x=1', '/', { cursor: '7' }).search).toBe('?x=1&cursor=7');
});

test.each(['ftp://relay.example', '', 'wss://user:secret@relay.example', 'https://relay.example/#part', 'not a host', 'mailto:a@b.c'])('%j is refused', (service) => {
  expect(() => subscriptionUrl(service, '/')).toThrow(expect.objectContaining({ code: 'InvalidOption' }));
  expect(() => subscriptionUrl(service, '/')).not.toThrow('secret');
});

test('tells literal addresses from names', () => {
  expect(literalAddress(new URL('ws://[::1]:80/'))).toBe('::1');
  expect(literalAddress(new URL('ws://127.1/'))).toBe('127.0.0.1');
  expect(literalAddress(new URL('ws://relay.example/'))).toBeNull();
});
