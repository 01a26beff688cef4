/**
 * `dunlin admin pds …`: an operator's commands. Those on accounts, invites and identities speak to a running PDS over its own admin
 * methods; backup, restore and the check of blobs work on its data directory.
 * Where the server is and what its password is comes from the same PDS_* variables the server reads, or from options.
 * Not for: what a person does to their own account. Source: ours; names after pdsadmin of the reference where it has them.
 */
import { Command, InvalidArgumentError } from 'commander';
import type { Environment } from '@dunlin/service/config/env';
import { addAccountCommands } from './admin-pds/account-commands.ts';
import { addBlobCommands } from './admin-pds/blob-commands.ts';
import { addDataCommands } from './admin-pds/data-commands.ts';
import { addInviteCommands } from './admin-pds/invite-commands.ts';
import { addMoveCommands } from './admin-pds/move-commands.ts';
import { addNetworkCommands } from './admin-pds/network-commands.ts';
import { addRenameCommand } from './admin-pds/rename-command.ts';
import { openAdminPds, type AdminOptions, type AdminPds } from './admin-pds/session.ts';
import { addTrailCommands } from './admin-pds/trail-commands.ts';

/** Where output goes, and the variables that are read. */
export interface AdminPdsParts {
  readonly write: (line: string) => void;
  /** Default: the environment of the process. */
  readonly env?: Environment;
}

/** Makes the command with everything under it. */
export function adminPdsCommand({ write, env }: AdminPdsParts): Command {
  const command = new Command('pds')
    .description('commands for the operator of a PDS')
    .option('--url <url>', 'address of the running PDS (default: from PDS_PORT)', parseUrl)
    .option('--admin-password <password>', 'admin password (default: PDS_ADMIN_PASSWORD, else the one kept in the data directory)')
    .option('--data <folder>', 'data directory (default: PDS_DATA_DIRECTORY)')
    .option('--json', 'one JSON line a result');
  const open = (): AdminPds => openAdminPds(command.opts<AdminOptions>(), { write, ...(env && { env }) });
  addAccountCommands(command, open);
  addInviteCommands(command, open);
  addNetworkCommands(command, open);
  addDataCommands(command, open);
  addTrailCommands(command, open);
  addRenameCommand(command, open);
  addBlobCommands(command, open);
  addMoveCommands(command, open);
  return command;
}

function parseUrl(text: string): string {
  if (!URL.canParse(text)) throw new InvalidArgumentError('must be a URL such as http://localhost:2583');
  return new URL(text).origin;
}
