/** Tests of which addresses may be dialled on somebody else's word, and of the look-up hook for sockets. */
import { describe, expect, test } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { checkDialTarget, guardedLookup, isPublicAddress, type GuardOptions, type LookupCallback } from '@dunlin/service/http/public-address';

/** Resolves every name to these addresses. */
function resolvingTo(...addresses: string[]): NonNullable<GuardOptions['lookup']> {
  return (_hostname, _options, callback) => callback(null, addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })));
}

describe('an address', () => {
  test.each([
    '127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', '169.254.169.254', '100.64.0.1', '100.127.255.255', '0.0.0.0', '224.0.0.1', '239.1.1.1',
    '240.0.0.1', '255.255.255.255', '198.18.0.1', '192.0.2.1', '198.51.100.1', '203.0.113.1', '192.0.0.1', '::1', '::', 'fe80::1', 'fec0::1', 'fc00::1', 'fd12::1', 'ff02::1',
    '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '::7f00:1', '1::', '100:0:0:1::1', '1fff::1', '4000::1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1', '2001:db8::1', '100::1', 'localhost', 'not an address', '',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1', '2606:4700::1111', '2003::1', '3ffe::1', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

function ask(lookup: ReturnType<typeof guardedLookup>, all: boolean): Promise<Parameters<LookupCallback>> {
  return new Promise((resolve) => lookup('x.example', { all }, (...given) => resolve(given)));
}

describe('the look-up hook for other sockets', () => {
  test('gives all or the first public address', async () => {
    const lookup = guardedLookup({ lookup: resolvingTo('8.8.8.8', '2606:4700::1') });
    expect(await ask(lookup, true)).toEqual([null, [{ address: '8.8.8.8', family: 4 }, { address: '2606:4700::1', family: 6 }]]);
    expect(await ask(lookup, false)).toEqual([null, '8.8.8.8', 4]);
  });

  test('passes faults on and refuses what is private', async () => {
    const missing = Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    expect((await ask(guardedLookup({ lookup: (_hostname, _options, callback) => callback(missing, []) }), true))[0]).toBe(missing);
    expect((await ask(guardedLookup({ lookup: resolvingTo('10.0.0.1') }), false))[0]).toMatchObject({ code: 'ERR_REFUSED_ADDRESS' });
    expect((await ask(guardedLookup({ lookup: resolvingTo('10.0.0.1'), allowPrivate: true }), false))[1]).toBe('10.0.0.1');
  });

  test('comes with a check for what it cannot see', () => {
    expect(() => checkDialTarget(new URL('wss://10.0.0.1/x'), { schemes: ['wss'] })).toThrow('address is not on the public internet');
    expect(() => checkDialTarget(new URL('ws://relay.example'), { schemes: ['wss'] })).toThrow('scheme is not allowed: ws');
    expect(() => checkDialTarget(new URL('ws://localhost:1'), { schemes: ['ws'], allowPrivate: true })).not.toThrow();
    expect(() => checkDialTarget(new URL('wss://relay.example'), { schemes: ['wss'] })).not.toThrow();
  });
});
