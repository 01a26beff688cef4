/**
 * The PDS as a process: `dunlin pds`, or this file by itself.
 * Not for tests and `dunlin up`, which call startPds.
 * Source: ours.
 */
import { runMain } from '@dunlin/service/lifecycle/run-main';
import { readPdsConfig } from './config.ts';
import { startPds } from './pds.ts';

await runMain('pds', () => startPds(readPdsConfig()));
