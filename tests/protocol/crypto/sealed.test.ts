/** Sealed secrets open with the same key and purpose only, and not at all when a bit was changed. */
import { utf8Decode, utf8Encode } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { seal, unseal } from '@dunlin/protocol/crypto/sealed';

const key = randomBytes(32);

test('what was sealed opens with the same key and purpose', () => {
  const plain = unseal(key, seal(key, utf8Encode('a secret'), 'one'), 'one');
  expect(plain && utf8Decode(plain)).toBe('a secret');
  expect(unseal(key, seal(key, new Uint8Array(0), ''), '')).toEqual(new Uint8Array(0));
});

test('another key, another purpose, or any changed bit does not open it', () => {
  const sealed = seal(key, utf8Encode('a secret'), 'one');
  expect(unseal(randomBytes(32), sealed, 'one')).toBeNull();
  expect(unseal(key, sealed, 'two')).toBeNull();
  for (let index = 0; index < sealed.length; index++) {
    const spoilt = sealed.slice();
    spoilt[index] = (spoilt[index] ?? 0) ^ 1;
    expect(unseal(key, spoilt, 'one')).toBeNull();
  }
  for (const length of [0, 27]) expect(unseal(key, sealed.subarray(0, length), 'one')).toBeNull();
});

test('sealing the same twice gives different bytes', () => {
  expect(seal(key, utf8Encode('a'), 'one')).not.toEqual(seal(key, utf8Encode('a'), 'one'));
});
