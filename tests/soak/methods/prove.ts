/**
 * Takes one method to success and then feeds it near misses of that: what its lexicon refuses must be refused, nothing may fail, hang or
 * answer what its lexicon does not know; and what was refused must have changed nothing, so that the right call still succeeds.
 * Not for: which methods there are (every-method.ts). Source: ours.
 */
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import type { Seeded } from '../seeded.ts';
import { ask, queryOf, questionOf, type Question, type Reply } from './exchange.ts';
import type { Made, Maker } from './made.ts';
import { nearMisses } from './near-misses.ts';
import { spoiltRequests } from './spoilt-requests.ts';
import { areParamsValid, isInputValid, isSuccess, judge, type Method } from './verdict.ts';
import type { ServerName, World } from './world.ts';

/** What came of one method. */
export interface MethodReport {
  readonly server: ServerName;
  readonly nsid: string;
  succeeded: number;
  refused: number;
  /** 501 and 502; any other is a fault of its own. */
  failed: number;
  hungUp: number;
  slowestMs: number;
  readonly errors: Record<string, number>;
  readonly faults: string[];
}

/** How a method is to be treated beyond its lexicon. */
export interface Exception {
  /** Names of errors that it gives, for the field's sake, though its lexicon lacks them. */
  readonly errors?: readonly string[];
  /** Works without credentials too. */
  readonly isOpen?: true;
  /** The library that checks outputs does not know a record's definition as that of a field. */
  readonly isOutputUnchecked?: true;
  /** Wrong tries count, so the right call may not succeed after them; input made anew is not held to them. */
  readonly countsTries?: true;
}

interface Trial {
  readonly what: string;
  readonly question: Question;
  readonly isRefused: boolean;
}

/** Proves methods of one world. */
export class Prover {
  readonly #world: World;
  readonly #lexicons: Lexicons;
  readonly #random: Seeded;
  /** Share of the near misses that are tried. */
  readonly #share: number;

  constructor(o: { world: World; lexicons: Lexicons; random: Seeded; share: number }) {
    this.#world = o.world;
    this.#lexicons = o.lexicons;
    this.#random = o.random;
    this.#share = o.share;
  }

  /** Proves one method. Faults are in the report; it throws only when the right call does not succeed. */
  async prove(server: ServerName, nsid: string, maker: Maker, exception: Exception = {}): Promise<MethodReport> {
    const report: MethodReport = { server, nsid, succeeded: 0, refused: 0, failed: 0, hungUp: 0, slowestMs: 0, errors: {}, faults: [] };
    const method = this.#lexicons.getDefOrThrow(nsid, ['query', 'procedure']) as unknown as Method;
    let made = await maker(this.#world);
    let trials = this.#trials(nsid, method, made, exception);
    let isFresh = true;
    // Which places can be wrong is the same for each input of a maker; the n-th place is spoilt in the input of the time.
    for (let n = 0; n < trials.length; n++) {
      const trial = trials[n];
      if (trial === undefined || (n > 0 && !this.#random.chance(this.#share))) continue;
      const limited = report.errors['RateLimitExceeded'] ?? 0;
      const didSucceed = await this.#try(report, trial, exception);
      const wasLimited = exception.countsTries === true && (report.errors['RateLimitExceeded'] ?? 0) > limited;
      isFresh = (didSucceed && method.type === 'procedure') || wasLimited;
      if (!isFresh) continue;
      made = await maker(this.#world);
      trials = this.#trials(nsid, method, made, exception);
      if (wasLimited && trials[n] !== undefined) isFresh = !(await this.#try(report, trials[n], exception));
    }
    if (exception.countsTries && !isFresh) made = await maker(this.#world);
    const right = { what: 'the right call', question: questionOf(nsid, method.type, made), isRefused: false };
    if (!(await this.#try(report, right, exception))) report.faults.push(`the right call was refused after near misses: ${JSON.stringify(report.errors)}`);
    return report;
  }

  /** The right call, then every near miss of it. */
  #trials(nsid: string, method: Method, made: Made, exception: Exception): Trial[] {
    const question = questionOf(nsid, method.type, made);
    const trials: Trial[] = [{ what: 'the right call', question, isRefused: false }];
    for (const { what, value } of nearMisses(this.#lexicons, method.parameters ?? { type: 'params' }, made.params ?? {}, nsid)) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
      const params = value as Record<string, unknown>;
      trials.push({ what: `params ${what}`, question: questionOf(nsid, method.type, { ...made, params }), isRefused: !areParamsValid(this.#lexicons, nsid, queryOf(params)) });
    }
    const schema = method.input?.schema;
    const isJson = schema !== undefined && !Buffer.isBuffer(made.body);
    if (isJson) {
      for (const { what, value } of nearMisses(this.#lexicons, schema, made.body, nsid)) {
        trials.push({ what: `body ${what}`, question: questionOf(nsid, method.type, { ...made, body: value as Record<string, unknown> }), isRefused: !isInputValid(this.#lexicons, nsid, value) });
      }
    }
    const hasAuth = made.headers?.['authorization'] !== undefined && !exception.isOpen;
    return [...trials, ...spoiltRequests(question, this.#random, { hasAuth, isJson })];
  }

  /** Tries once and gives whether it succeeded, meant or not. */
  async #try(report: MethodReport, { what, question, isRefused }: Trial, exception: Exception): Promise<boolean> {
    const began = performance.now();
    let reply: Reply | null = null;
    try {
      reply = await ask(this.#world.urlOf(report.server), question);
      report.slowestMs = Math.max(report.slowestMs, Math.round(performance.now() - began));
      this.#note(report, reply, isRefused, exception);
    } catch (fault) {
      report.faults.push(`${what}: ${(fault as Error).message}`);
    }
    return reply !== null && isSuccess(reply.status);
  }

  #note(report: MethodReport, reply: Reply | null, isRefused: boolean, exception: Exception): void {
    if (reply === null) {
      report.hungUp++;
      if (!isRefused) throw new Error('the server hung up without an answer');
      return;
    }
    if (isSuccess(reply.status)) report.succeeded++;
    else if (reply.status < 500) report.refused++;
    else report.failed++;
    const name = judge(this.#lexicons, report.nsid, reply, exception);
    if (name !== null) report.errors[name] = (report.errors[name] ?? 0) + 1;
    else if (isRefused) throw new Error('it was answered with success');
  }
}
