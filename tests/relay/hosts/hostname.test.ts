import { expect, test } from '@jest/globals';
import { isWithinDomain, parseHostName } from '@dunlin/relay/hosts/hostname';

test('takes public names, with scheme and slash or without, and lower-cases them', () => {
  for (const text of ['pds.example.com', 'https://pds.example.com', 'wss://PDS.example.com/', ' pds.example.com ']) {
    expect(parseHostName(text, false)).toEqual({ hostname: 'pds.example.com', origin: 'https://pds.example.com' });
  }
});

test('refuses addresses, ports, paths, reserved names and nonsense', () => {
  for (const text of ['', 'localhost', 'pds', '10.0.0.1', '[::1]', '127.0.0.1:80', 'pds.example.com:8443', 'pds.example.com/xrpc', 'user@pds.example.com', 'pds..example.com', '-a.example.com',
    'pds.internal', 'a.localhost', 'x.onion', `${'a'.repeat(64)}.com`, `${'a.'.repeat(130)}com`, 'pds.example.com?x', 'pds_x.example.com', 'ünicode.com']) {
    expect(parseHostName(text, false)).toBeNull();
  }
});

test('takes localhost with a port only where insecure hosts are allowed', () => {
  expect(parseHostName('localhost:2583', false)).toBeNull();
  expect(parseHostName('http://localhost:2583', true)).toEqual({ hostname: 'localhost:2583', origin: 'http://localhost:2583' });
  for (const text of ['localhost', 'localhost:0', 'localhost:65536', '10.0.0.1:80']) expect(parseHostName(text, true)).toBeNull();
});

test('knows what is within a domain', () => {
  expect(isWithinDomain('a.b.example.com', 'example.com')).toBe(true);
  expect(isWithinDomain('example.com', '*.example.com')).toBe(true);
  expect(isWithinDomain('notexample.com', 'example.com')).toBe(false);
  expect(isWithinDomain('localhost:2583', 'localhost')).toBe(true);
});
