/**
 * What is read of the answer of an XRPC method: a body of bounded length, the error's name, how long to stay away.
 * Not for: repositories, which are read as they come (see repo-fetch.ts).
 * Place in the flow: questions beside the stream.
 * Source: atproto.com/specs/xrpc; RFC 9110 "Retry-After" in seconds.
 */

/** Longest time of a server's word that is believed, in ms. */
const maxRetryMs = 3_600_000;

/** Gives the JSON of an answer; null when it is none or longer than `maxBytes`. */
export async function readJson(response: Response, maxBytes: number): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) return null;
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

/** Gives the error name of an answer, at most 100 characters; null when it has none. */
export async function readErrorName(response: Response): Promise<string | null> {
  const body = (await readJson(response, 4_096)) as { error?: unknown } | null;
  return typeof body?.error === 'string' ? body.error.slice(0, 100) : null;
}

/** Gives how long the server wants to be left alone, in ms; null when it does not say. */
export function retryMsOf(response: Response): number | null {
  const retryAfter = response.headers.get('retry-after');
  return retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Math.min(Number(retryAfter) * 1_000, maxRetryMs) : null;
}
