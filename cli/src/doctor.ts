/**
 * `dunlin doctor [server] [URL…]`: looks at this machine and at a server by its settings, or at servers elsewhere by their addresses, and
 * says what is wrong and what to do, one line a check. It changes nothing; a small file it writes for a try is removed again.
 * Exit code 1 when something does not work. Not for figures over time: that is what metrics are for.
 * Source: ours, see docs/operations.md.
 */
import { systemClock } from '@dunlin/protocol/base/clock';
import { writeLine } from '@dunlin/service/log/terminal';
import { checkBlobPlace } from './doctor/blobs.ts';
import type { Finding } from './doctor/finding.ts';
import { checkClock, checkFolder, checkNode, checkOpenFiles, checkRoom } from './doctor/machine.ts';
import { checkServer, localServer, type CheckParts, type DoctorOptions } from './doctor/servers.ts';

/** What a test puts in the place of the machine's own. */
export interface DoctorParts extends Omit<CheckParts, 'fetch'> {
  readonly write: (line: string) => void;
}

/** Runs the checks, prints their findings as they come, and gives whether all works. @throws when settings are wrong */
export async function runDoctor(options: DoctorOptions, parts: DoctorParts = { write: (line) => void writeLine(line), clock: systemClock }): Promise<boolean> {
  let works = true;
  for await (const finding of findings(options, { ...parts, fetch })) {
    works &&= finding.state !== 'fail';
    parts.write(options.json ? JSON.stringify(finding) : lineOf(finding));
  }
  return works;
}

function lineOf({ check, state, found, advice }: Finding): string {
  return `${state.padEnd(4)}  ${check}: ${found}${advice === null ? '' : ` → ${advice}`}`;
}

async function* findings(options: DoctorOptions, parts: CheckParts): AsyncGenerator<Finding, void, undefined> {
  const { server = 'pds', urls = [] } = options;
  if (urls.length > 0) {
    for (const url of urls) yield* elsewhere(url, options, parts);
    return;
  }
  const local = localServer(server, parts.env);
  yield checkNode(process.version);
  yield await checkFolder(local.folder, local.setting);
  yield await checkRoom(local.folder);
  const blobs = local.pds && (await checkBlobPlace(local.pds));
  if (blobs !== null) yield blobs;
  const openFiles = await checkOpenFiles();
  if (openFiles !== null) yield openFiles;
  const clockUrl = options.clockUrl ?? (options.machine ? undefined : local.pds?.plcUrl);
  if (clockUrl !== undefined) yield await checkClock(clockUrl, parts);
  if (!options.machine) yield* checkServer(server, local.url, options, parts, local.pds);
}

/** Looks at a server of another machine; its name stands before each check when there are several. */
async function* elsewhere(url: string, options: DoctorOptions, parts: CheckParts): AsyncGenerator<Finding, void, undefined> {
  const { server = 'pds', urls = [], clockUrl = url } = options;
  const before = urls.length > 1 ? `${new URL(url).host} ` : '';
  for await (const finding of checkServer(server, url, options, parts, null)) yield { ...finding, check: `${before}${finding.check}` };
  const clock = await checkClock(clockUrl, parts);
  yield { ...clock, check: `${before}${clock.check}` };
}
