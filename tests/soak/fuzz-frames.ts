/**
 * Spoilt frames, CARs, CBOR and tree nodes, first against the parsers, then from a hostile host against a relay on a socket.
 * Parsers throw nothing but ProtocolError, are quick, and what they accept writes itself again byte for byte. The relay stays up,
 * gives out nothing that the SDK drops at `full`, and hears its good host to the end. Memory is flat in both.
 * Source: ours.
 */
import { fuzzParsers } from './parsers.ts';
import { fuzzRelay } from './hostile-host.ts';
import type { Soak } from './soak.ts';

/** The soak: half of the time for each. */
export const soak: Soak = async (run) => {
  const half = { ...run, minutes: run.minutes / 2 };
  const parsers = await fuzzParsers(half);
  run.say(parsers);
  return `${parsers}; ${await fuzzRelay(half)}`;
};
