/**
 * What a process does once it stands: it lets V8's optimizing compilers in, which the launcher keeps out while everything is loaded
 * (what runs once is not worth them, and they are 8 MB of the program); it keeps compiled code for the next start; and it gives back
 * the memory that loading needed. Not for a running load: a collection by hand is right only when nothing happens yet.
 * Place: after the ready line. Source: ours, docs/decisions/0021 and 0028; V8 by itself collects when the heap has grown by half
 * again, which idle servers never do.
 */
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/** Lets the optimizing compilers work on every function, as V8 does by itself unless it was started with filters. */
export function letOptimize(): void {
  setFlagsFromString('--maglev-filter=*');
  setFlagsFromString('--turbo-filter=*');
}

/** Keeps compiled code where `NODE_COMPILE_CACHE` says, if it says so, and collects garbage; takes some 50 ms. */
export function settle(): void {
  flushCompileCache();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
