/**
 * The version of this program, read once from the top-level package.json.
 * Not for the version of a protocol or of a schema. Shown by /_health, the ready line and user-agent headers.
 * Source: ours.
 */
import { readFileSync } from 'node:fs';

function readVersion(): string {
  const json: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return typeof json === 'object' && json !== null && 'version' in json ? String(json.version) : '0.0.0';
}

/** Version such as "0.1.0". */
export const version: string = readVersion();
