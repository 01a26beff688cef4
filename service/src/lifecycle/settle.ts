/**
 * What a process does once it stands: it keeps compiled code for the next start, and gives back the memory that loading needed.
 * Not for a running load: a collection by hand is right only when nothing happens yet. Place: after the ready line.
 * Source: ours, docs/decisions/0021; V8 by itself collects when the heap has grown by half again, which idle servers never do.
 */
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/** Keeps compiled code where `NODE_COMPILE_CACHE` says, if it says so, and collects garbage; takes some 50 ms. */
export function settle(): void {
  flushCompileCache();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
