/**
 * A network of one file for identity tests: answers by URL, TXT records by name, and a count of what was asked.
 * Not for: product code.
 * Source: ours.
 */

export type FakeAnswer = string | object | Response | Error | (() => Response | Promise<Response>);

export interface FakeNetwork {
  fetch: typeof globalThis.fetch;
  resolveTxt: (name: string) => Promise<string[][]>;
  /** Answers by URL; a string is a text, another object is JSON, an Error is thrown. Unknown URLs are 404. */
  pages: Map<string, FakeAnswer>;
  txt: Map<string, string[][] | Error>;
  /** URLs and `txt NAME` in the order asked. */
  asked: string[];
}

/** An error as Node's DNS and fetch give it. */
export function networkError(code: string): Error {
  return Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(code), { code }) });
}

function respond(answer: FakeAnswer | undefined): Response | Promise<Response> {
  if (answer === undefined) return new Response('not found', { status: 404 });
  if (answer instanceof Error) throw answer;
  if (answer instanceof Response) return answer;
  if (typeof answer === 'function') return answer();
  return new Response(typeof answer === 'string' ? answer : JSON.stringify(answer));
}

/** Makes an empty network. */
export function fakeNetwork(): FakeNetwork {
  const pages = new Map<string, FakeAnswer>();
  const txt = new Map<string, string[][] | Error>();
  const asked: string[] = [];
  return {
    pages, txt, asked,
    fetch: async (input) => {
      const url = String(input);
      asked.push(url);
      return respond(pages.get(url));
    },
    resolveTxt: async (name) => {
      asked.push(`txt ${name}`);
      const records = txt.get(name) ?? Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' });
      if (records instanceof Error) throw records;
      return records;
    },
  };
}
