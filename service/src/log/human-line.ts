/**
 * Turns a line of the log into one for people: time, service, level when it matters, what happened, and the short facts.
 * Not for programs: they get the JSON as it is (logger.ts decides by whether stderr is a terminal).
 * Source: ours.
 */

/** Longest text of one fact, in characters; longer ones, the effective settings among them, are in the JSON only. */
const maxFactLength = 120;
const leftOut = new Set(['level', 'time', 'service', 'msg', 'config', 'err']);

/** Gives the line for people; a line that is no JSON object stays as it is. */
export function humanLine(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, service, msg, err } = entry;
  const clock = typeof time === 'number' ? new Date(time).toISOString().slice(11, 19) : '';
  const facts = Object.entries(entry).flatMap(([name, value]) => (leftOut.has(name) ? [] : shortFact(name, value)));
  const fault = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : '';
  const parts = [clock, String(service).padEnd(7), level === 'info' ? '' : String(level), String(msg ?? ''), ...facts];
  return `${parts.filter((part) => part !== '').join(' ')}${fault}\n`;
}

function shortFact(name: string, value: unknown): string[] {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === undefined || text === 'null' || text.length > maxFactLength ? [] : [`${name}=${text}`];
}
