/**
 * `dunlin admin …`: the operators' commands for each server, under one name.
 * Not for the commands themselves (admin-pds.ts, admin-relay.ts). A command that fails says so in one line and ends with 1.
 * Source: ours.
 */
import { Command } from 'commander';
import { writeLine, writeNote } from '@dunlin/service/log/terminal';
import { adminPdsCommand } from './admin-pds.ts';
import { adminRelayCommand } from './admin-relay.ts';

/** Runs the command that these words name. */
export async function runAdmin(words: readonly string[]): Promise<void> {
  const write = (line: string): void => void writeLine(line);
  const admin = new Command('dunlin admin').description('commands for operators of running servers').showHelpAfterError()
    .addCommand(adminPdsCommand({ write }))
    .addCommand(adminRelayCommand({ write }));
  try {
    await admin.parseAsync([...words], { from: 'user' });
  } catch (error) {
    writeNote(`dunlin admin: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
