/**
 * Who works at this shell, for the trail of what operators did: the name of the user and of the machine.
 * Not for acts that a running server is asked for, which the server remembers by itself.
 * Source: ours.
 */
import { hostname, userInfo } from 'node:os';

/** Gives user and machine; a user without a name, as in many containers, by its number. */
export function agentOfShell(): string {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    user = `uid ${process.getuid?.() ?? 'unknown'}`;
  }
  return `${user}@${hostname()}`;
}
