/**
 * A fetch for which every name below a domain leads to one server, by its Host header, as wildcard DNS and a proxy would see to.
 * Not for: names that are looked up otherwise. Source: ours; fetch itself sends no Host header of one's own.
 */
import { get } from 'node:http';

/** Makes it; `server` gives the server's base URL at each question. `nowhere` is a name below the domain that leads to nothing. */
export function wildcardFetch(domain: string, server: () => string, nowhere = `nowhere${domain}`): typeof globalThis.fetch {
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (!url.hostname.endsWith(domain)) return fetch(input, init);
    return url.hostname === nowhere ? Promise.resolve(new Response('not here', { status: 404 })) : askByName(server(), url);
  };
}

function askByName(server: string, { hostname, pathname }: URL): Promise<Response> {
  return new Promise((resolve, reject) => {
    get(`${server}${pathname}`, { headers: { host: hostname }, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => void chunks.push(chunk)).once('end', () => resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 500 })));
    }).once('error', reject);
  });
}
