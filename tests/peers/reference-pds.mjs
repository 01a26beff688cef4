/**
 * Starts the reference PDS (`@atproto/pds`) as a process of its own, configured by the PDS_* variables it reads itself.
 * Prints one ready line, `{"ready":"reference-pds","url":"http://localhost:PORT"}`, and drains on SIGTERM.
 * Not for: anything but tests and benches; it lives in a folder with its own package.json to keep its weight out of ours.
 */
import { PDS, envToCfg, envToSecrets, readEnv } from '@atproto/pds';

const env = readEnv();
const pds = await PDS.create(envToCfg(env), envToSecrets(env));
const server = await pds.start();
process.stdout.write(`${JSON.stringify({ ready: 'reference-pds', url: `http://localhost:${server.address().port}` })}\n`);
process.on('SIGTERM', async () => {
  await pds.destroy();
  process.exit(0);
});
