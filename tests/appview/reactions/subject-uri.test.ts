/** The normal form of subjects: published vectors, and what must hold for any address. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { maxSubjectBytes, normalSubject } from '@dunlin/appview/reactions/subject-uri';

const vectors = JSON.parse(readFileSync(new URL('subject-uri.vectors.json', import.meta.url), 'utf8')) as { given: string; normal: string | null; fragment?: string }[];

test.each(vectors)('$given becomes $normal', ({ given, normal, fragment }) => {
  const subject = normalSubject(given);
  expect(subject?.uri ?? null).toBe(normal);
  if (fragment !== undefined) expect(subject).toMatchObject({ fragment });
});

test('a normal form is its own normal form', () => {
  const address = fc.oneof(fc.webUrl({ withFragments: true, withQueryParameters: true, validSchemes: ['http', 'https'] }), fc.constantFrom(...vectors.map(({ given }) => given)));
  fc.assert(
    fc.property(address, (given) => {
      const subject = normalSubject(given);
      if (subject !== null) expect(normalSubject(subject.uri)?.uri).toBe(subject.uri);
    }),
    { numRuns: 300 },
  );
});

test('any text gives a form or null, and never throws', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => void normalSubject(text)), { numRuns: 300 });
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => void normalSubject(`https://${text}`)), { numRuns: 300 });
});

test('a web address may have 2,048 bytes and an external id 512, not one more', () => {
  const page = 'https://example.com/';
  expect(normalSubject(page + 'a'.repeat(maxSubjectBytes - page.length))).not.toBeNull();
  expect(normalSubject(page + 'a'.repeat(maxSubjectBytes - page.length + 1))).toBeNull();
  expect(normalSubject(page + 'ü'.repeat(400))).toBeNull();
  expect(normalSubject('urn:' + 'a'.repeat(508))).not.toBeNull();
  expect(normalSubject('urn:' + 'a'.repeat(509))).toBeNull();
});
