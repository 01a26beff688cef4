/**
 * The `dunlin` command: picks the command named on the command line and runs it.
 * Not for: anything a server does itself; servers live in their own folders and are started here.
 */
process.stdout.write('dunlin\n');
