/** Documents of clients: how much of one is read, and how much of all is remembered. */
import { createDocumentCache, documentCache, documentFetch, maxDocumentBytes, maxDocumentsAtOnce } from '../../../pds/src/oauth/client-documents.ts';

test('a document is read to its bound and not beyond, and a Request is asked as it says', async () => {
  const asked: unknown[] = [];
  const answers = (length: number): typeof globalThis.fetch => documentFetch(async (input, init) => {
    asked.push([input, init?.method, init?.redirect, new Headers(init?.headers).get('accept')]);
    return new Response(new Uint8Array(length), { status: 203, headers: { 'content-type': 'application/json' } });
  });
  const request = new Request('https://app.example.org/metadata.json', { redirect: 'error', headers: { accept: 'application/json' } });
  const whole = await answers(maxDocumentBytes)(request);
  expect([whole.status, whole.headers.get('content-type'), (await whole.arrayBuffer()).byteLength]).toEqual([203, 'application/json', maxDocumentBytes]);
  await expect(answers(maxDocumentBytes + 1)(request)).rejects.toThrow('too large');
  expect(asked[0]).toEqual(['https://app.example.org/metadata.json', 'GET', 'error', 'application/json']);
});

test('so many are asked for at once, and again when one has come', async () => {
  const waiting: (() => void)[] = [];
  const ask = documentFetch(() => new Promise((resolve) => waiting.push(() => resolve(Response.json({})))));
  const first = Array.from({ length: maxDocumentsAtOnce }, () => ask('https://app.example.org/'));
  await expect(ask('https://app.example.org/')).rejects.toThrow('at once');
  waiting[0]!();
  expect((await first[0]!).status).toBe(200);
  const next = ask('https://app.example.org/');
  for (const answer of waiting) answer();
  expect((await next).status).toBe(200);
  await Promise.all(first);
});

test('what is remembered is bounded together: the one used longest ago makes place, one that is too large has none', () => {
  const cache = createDocumentCache<{ text: string }>();
  const third = { text: 'x'.repeat(documentCache.maxSize / 3) };
  for (const name of ['a', 'b']) cache.set(name, third);
  expect(cache.get('a')).toBe(third);
  cache.set('c', third);
  expect(['a', 'b', 'c'].map((name) => cache.get(name) !== undefined)).toEqual([true, false, true]);
  cache.set('large', { text: 'x'.repeat(documentCache.maxSize) });
  expect(cache.get('large')).toBeUndefined();
  cache.del('a');
  expect(cache.get('a')).toBeUndefined();
});
