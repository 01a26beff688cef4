/**
 * Makes one call of an XRPC method with made input and judges the answer: an error with a name, or an output that fits the lexicon.
 * Not for: choosing what is called (fuzz-http.ts). Source: AT Protocol spec "XRPC".
 */
import { jsonToLex } from '@atproto/lexicon';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import type { LexiconValues, Schema } from './lexicon-values.ts';
import type { Seeded } from './seeded.ts';

export type Authorization = Record<string, string>;

/** What a method's definition says. */
interface Method {
  type: string;
  parameters?: Schema;
  input?: { encoding: string; schema?: Schema };
  output?: { encoding: string; schema?: Schema };
}

const deadlineMs = 30_000;

/** Calls methods and counts. */
export class MethodCaller {
  readonly #lexicons: Lexicons;
  readonly #random: Seeded;
  readonly #values: LexiconValues;
  readonly #statuses = new Map<number, number>();
  readonly #succeeded = new Set<string>();
  readonly #notServed = new Set<string>();
  #calls = 0;

  constructor(lexicons: Lexicons, random: Seeded, values: LexiconValues) {
    this.#lexicons = lexicons;
    this.#random = random;
    this.#values = values;
  }

  /** What was done so far. */
  get text(): string {
    const statuses = [...this.#statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`).join(', ');
    return `${this.#calls} calls (${statuses}), ${this.#succeeded.size} methods answered 200 at least once`;
  }

  /** Tells whether a server has said that it does not have a method. */
  isServed(server: string, nsid: string): boolean {
    return !this.#notServed.has(`${server} ${nsid}`);
  }

  /** Calls once. All choices are made before the first wait, so that they come in the same order again. @throws on a wrong answer */
  async call(target: { name: string; url: string }, nsid: string, authorization: Authorization): Promise<void> {
    const method = this.#lexicons.getDefOrThrow(nsid, ['query', 'procedure']) as unknown as Method;
    const query = this.#query(method.parameters, nsid);
    const isPost = this.#random.chance(0.01) ? method.type === 'query' : method.type === 'procedure';
    const { body, headers } = isPost ? this.#body(method, nsid) : { body: null, headers: {} };
    const what = `${target.name} ${isPost ? 'POST' : 'GET'} ${nsid}${query} authorization=${(authorization['authorization'] ?? 'none').slice(0, 12)} body=${String(body).slice(0, 3_000)}`;
    this.#calls++;
    let response: Response;
    try {
      response = await fetch(`${target.url}/xrpc/${nsid}${query}`, {
        method: isPost ? 'POST' : 'GET', headers: { ...headers, ...authorization }, body, signal: AbortSignal.timeout(deadlineMs), redirect: 'manual',
      });
      this.#statuses.set(response.status, (this.#statuses.get(response.status) ?? 0) + 1);
      await this.#judge(response, method, nsid, target.name);
    } catch (error) {
      throw new Error(`wrong answer: ${what}`, { cause: error });
    }
  }

  async #judge(response: Response, method: Method, nsid: string, server: string): Promise<void> {
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream')) return await response.body?.cancel();
    const bytes = Buffer.from(await response.arrayBuffer());
    if (response.status === 500) throw new Error(`status 500: ${bytes.toString().slice(0, 500)}`);
    if (response.status === 501) this.#notServed.add(`${server} ${nsid}`);
    if (response.status >= 400) return checkError(bytes, response.status);
    if (response.status !== 200) return;
    this.#succeeded.add(`${server} ${nsid}`);
    if (method.output?.encoding === 'application/json' && method.output.schema !== undefined) {
      this.#lexicons.assertValidXrpcOutput(nsid, jsonToLex(JSON.parse(bytes.toString())));
    }
  }

  #query(parameters: Schema | undefined, nsid: string): string {
    const made = parameters === undefined ? {} : this.#values.make(parameters, nsid);
    const query = new URLSearchParams();
    if (typeof made === 'object' && made !== null) {
      for (const [name, value] of Object.entries(made)) for (const each of Array.isArray(value) ? value : [value]) query.append(name, typeof each === 'object' ? JSON.stringify(each) : String(each));
    }
    return query.size > 0 ? `?${query.toString()}` : '';
  }

  #body({ input }: Method, nsid: string): { body: Uint8Array | string | null; headers: Authorization } {
    const random = this.#random;
    if (input === undefined) return random.chance(0.9) ? { body: null, headers: {} } : { body: '{}', headers: { 'content-type': 'application/json' } };
    if (input.encoding !== 'application/json' || random.chance(0.01)) {
      return { body: random.bytes(random.below(3_000)), headers: { 'content-type': random.pick(['image/png', 'application/vnd.ipld.car', '*/*', 'text/plain', 'application/octet-stream', 'x']) } };
    }
    const text = JSON.stringify(this.#values.make(input.schema ?? { type: 'object' }, nsid)) ?? '';
    const spoilt = random.chance(0.02) ? random.pick([text.slice(0, random.below(text.length + 1)), '['.repeat(5_000), `${'{"a":'.repeat(3_000)}1`, '{"__proto__":{"a":1}}', '"\\ud800"', '\ufeff{}']) : text;
    return { body: spoilt, headers: { 'content-type': random.chance(0.02) ? 'text/plain' : 'application/json' } };
  }
}

function checkError(bytes: Buffer, status: number): void {
  const { error, message } = JSON.parse(bytes.toString()) as { error?: unknown; message?: unknown };
  if (typeof error !== 'string' || error === '') throw new Error(`error without a name: status=${status} ${bytes.toString().slice(0, 300)}`);
  if (message !== undefined && typeof message !== 'string') throw new Error(`message is no text: status=${status}`);
}
