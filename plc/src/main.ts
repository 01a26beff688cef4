/**
 * The directory as a process: `dunlin plc`, or this file by itself.
 * Not for tests and `dunlin up`, which call startPlc.
 * Source: ours.
 */
import { runMain } from '@dunlin/service/lifecycle/run-main';
import { readPlcConfig } from './config.ts';
import { startPlc } from './plc.ts';

await runMain('plc', () => startPlc(readPlcConfig()));
