/**
 * The relay as a process: `dunlin relay`, or this file by itself.
 * Not for tests and `dunlin up`, which call startRelay.
 * Source: ours.
 */
import { runMain } from '@dunlin/service/lifecycle/run-main';
import { readRelayConfig } from './config.ts';
import { startRelay } from './relay.ts';

await runMain('relay', () => startRelay(readRelayConfig()));
