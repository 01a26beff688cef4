/**
 * Spoilt frames, CARs, CBOR and tree nodes, first against the parsers, then from a hostile host against a relay on a socket.
 * Parsers throw nothing but ProtocolError, are quick, and what they accept writes itself again byte for byte. The relay stays up,
 * gives out nothing that the SDK drops at `full`, and hears its good host to the end. Memory is flat in both.
 * Source: ours.
 */
import { captureFolder } from '../harness/vectors.ts';
import { fuzzCaptured } from './captured-host.ts';
import { fuzzParsers } from './parsers.ts';
import { fuzzRelay } from './hostile-host.ts';
import type { Soak } from './soak.ts';

/** The soak: equal parts of the time for each; without a captured stream that one is left out. */
export const soak: Soak = async (run) => {
  const captured = captureFolder();
  const part = { ...run, minutes: run.minutes / (captured === null ? 2 : 3) };
  const done = [await fuzzParsers(part)];
  run.say(done[0]!);
  if (captured !== null) {
    done.push(await fuzzCaptured(captured, part));
    run.say(done[1]!);
  }
  done.push(await fuzzRelay(part));
  return done.join('; ');
};
