/**
 * Every method of every server: which there are, the input that takes each to success, and what came of all near misses together.
 * Not for: streams (fuzz-frames), random input (fuzz-http). Source: ours.
 */
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import type { Seeded } from '../seeded.ts';
import { ask, hangUp } from './exchange.ts';
import type { Makers } from './made.ts';
import { makersOfMovers } from './of-movers.ts';
import { makersOfAppview, makersOfOperators, makersOfRelay } from './of-operators.ts';
import { makersOfPeople } from './of-people.ts';
import { makersOfRecords } from './of-records.ts';
import { Prover, type Exception, type MethodReport } from './prove.ts';
import { withWorld, type ServerName, type World } from './world.ts';

/** Input by server and method. */
export const makers: Readonly<Record<ServerName, Makers>> = {
  pds: { ...makersOfPeople, ...makersOfRecords, ...makersOfMovers, ...makersOfOperators },
  relay: makersOfRelay,
  appview: makersOfAppview,
};

/** What is meant although the lexicon does not say so. */
const exceptions: Readonly<Record<string, Exception>> = {
  'com.atproto.lexicon.resolveLexicon': { isOutputUnchecked: true },
  'com.atproto.identity.refreshIdentity': { isOpen: true },
  // These names are the reference PDS's.
  'com.atproto.identity.updateHandle': { errors: ['HandleNotAvailable', 'InvalidHandle', 'UnsupportedDomain'] },
  'com.atproto.admin.updateAccountHandle': { errors: ['HandleNotAvailable', 'InvalidHandle', 'UnsupportedDomain'] },
  'com.atproto.sync.getHead': { errors: ['RepoNotFound'] },
  'com.atproto.sync.getCheckout': { errors: ['RepoNotFound'] },
  'com.atproto.repo.describeRepo': { errors: ['RepoNotFound'] },
  'com.atproto.sync.requestCrawl': { countsTries: true },
  'app.dunlin.account.finishPasskey': { countsTries: true },
  'app.dunlin.account.finishPasskeyCheck': { countsTries: true },
  'app.dunlin.account.finishPasskeySignIn': { countsTries: true },
};

/** Gives the methods that a server has: the others say 501 whoever asks, those it has say that PATCH is none of theirs. */
export async function servedBy(world: World, server: ServerName): Promise<string[]> {
  const nsids = [...loadLexicons()].filter(({ defs }) => ['query', 'procedure'].includes(defs['main']?.type ?? '')).map(({ id }) => id);
  const served: string[] = [];
  for (const nsid of nsids) {
    const reply = await ask(world.urlOf(server), { method: 'PATCH', path: `/xrpc/${nsid}`, headers: { authorization: `Bearer ${world.author.token}` }, body: null });
    if (reply?.body.toString().includes('Incorrect HTTP method')) served.push(nsid);
  }
  return served;
}

/** What to prove and how much of it. */
export interface ProofOptions {
  readonly random: Seeded;
  /** Share of the near misses, above 0 to 1. */
  readonly share: number;
  /** Ends early, between methods. */
  readonly goesOn?: () => boolean;
  readonly onMethod?: (report: MethodReport) => void;
}

/** Gives a line of JSON for a method: how often it succeeded, refused, failed, by error name. */
export function lineOf({ faults, ...report }: MethodReport): string {
  return JSON.stringify({ ...report, faults: faults.length });
}

/** Proves every method of the three servers in a world of its own. @throws when a server has a method that nobody makes input for */
export async function proveEveryMethod(o: ProofOptions): Promise<MethodReport[]> {
  return await withWorld(async (world) => {
    const reports: MethodReport[] = [];
    const prover = new Prover({ world, lexicons: loadLexicons(), ...o });
    for (const server of ['pds', 'relay', 'appview'] as const) {
      for (const nsid of await servedBy(world, server)) {
        const maker = makers[server][nsid];
        if (maker === undefined) throw new Error(`nobody makes input for ${nsid} of the ${server}`);
        if (o.goesOn?.() === false) break;
        const report = await prover.prove(server, nsid, maker, exceptions[nsid]);
        reports.push(report);
        o.onMethod?.(report);
      }
    }
    hangUp();
    return reports;
  });
}
