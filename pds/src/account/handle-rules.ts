/**
 * Says which handles may be had on this server, and in which words the others are refused.
 * Knows the words only: whether a handle is taken is asked of the store, whether a foreign one resolves is asked of the network.
 * Used by createAccount and updateHandle. Source: texts and bounds as the reference PDS, save that our own domains are looked at
 * before the list of forbidden top level domains (the reference refuses its own `.example` domain).
 */
import { isValidHandle } from '@atproto/syntax';
import { isReservedLabel } from './reserved-labels.ts';

/** Shortest and longest label under a service domain, in characters. */
export const minLabelLength = 3;
/** See minLabelLength. */
export const maxLabelLength = 18;

const refusedTopLevels = ['local', 'arpa', 'invalid', 'localhost', 'internal', 'example', 'alt', 'onion'];

/** What the rules say of a handle: ours to give, somebody's own domain, or refused. */
export type HandleVerdict =
  | { kind: 'local'; handle: string }
  | { kind: 'external'; handle: string }
  | { kind: 'refused'; error: 'InvalidHandle' | 'HandleNotAvailable'; message: string };

/** How a handle is judged. */
export interface HandleRuleOptions {
  /** Domains of this server, each with a leading dot. */
  readonly domains: readonly string[];
  /** Names of this server itself: who had one as a handle would be taken for it. */
  readonly hosts?: readonly string[];
  /** True for an operator, who may give reserved labels away, and the server's name. */
  readonly allowReserved?: boolean;
}

function refuse(message: string, error: 'InvalidHandle' | 'HandleNotAvailable' = 'InvalidHandle'): HandleVerdict {
  return { kind: 'refused', error, message };
}

/** Judges a handle as typed; the handle of a verdict is in lower case. */
export function judgeHandle(typed: string, { domains, hosts = [], allowReserved = false }: HandleRuleOptions): HandleVerdict {
  const handle = typed.toLowerCase();
  if (!isValidHandle(handle)) return refuse('Input/handle must be a valid handle');
  const domain = domains.find((domain) => handle.endsWith(domain));
  if (domain === undefined) {
    const topLevel = handle.slice(handle.lastIndexOf('.') + 1);
    return refusedTopLevels.includes(topLevel) ? refuse('Handle TLD is invalid or disallowed') : { kind: 'external', handle };
  }
  const label = handle.slice(0, -domain.length);
  if (label.includes('.')) return refuse('Invalid characters in handle');
  if (label.length < minLabelLength) return refuse('Handle too short');
  if (label.length > maxLabelLength) return refuse('Handle too long');
  if (!allowReserved && (isReservedLabel(label) || hosts.includes(handle))) return refuse('Reserved handle', 'HandleNotAvailable');
  return { kind: 'local', handle };
}
