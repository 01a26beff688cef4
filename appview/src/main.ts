/**
 * The app view as a process: `dunlin appview`, or this file by itself.
 * Not for tests and `dunlin up`, which call startAppview.
 * Source: ours.
 */
import { runMain } from '@dunlin/service/lifecycle/run-main';
import { startAppview } from './appview.ts';
import { readAppviewConfig } from './config.ts';

await runMain('appview', () => startAppview(readAppviewConfig()));
