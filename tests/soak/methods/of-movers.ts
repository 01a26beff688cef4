/**
 * Input for moving in from another server and for coming back with a recovery key: app.dunlin.move.*, archives.
 * Not for: moves by other people's tools (importRepo, activateAccount: of-people.ts, of-records.ts). Source: the lexicons.
 */
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { createPlcGenesis, signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { eventually } from '../../harness/wait.ts';
import { call, type Answer } from '../../pds/small-pds.ts';
import { as, operator, type Made, type Maker, type Makers } from './made.ts';
import type { World } from './world.ts';

const move = 'app.dunlin.move.';

/** Somebody with an account at the old home and one, not in service yet, at the new one. */
interface Mover {
  readonly did: string;
  readonly token: string;
  readonly old: { readonly accessJwt: string; readonly refreshJwt: string };
}

async function arrived(world: World): Promise<Mover> {
  const name = world.newName();
  const { oldHome } = world;
  const made = await call(oldHome.url, 'com.atproto.server.createAccount', { body: { handle: `${name}.old.test`, email: `${name}@old.org`, password: 'a password' } });
  const old = { accessJwt: String(made.json['accessJwt']), refreshJwt: String(made.json['refreshJwt']) };
  const { did: audience } = await world.call('com.atproto.server.describeServer');
  const auth = await call(oldHome.url, 'com.atproto.server.getServiceAuth', { params: { aud: String(audience), lxm: 'com.atproto.server.createAccount' }, token: old.accessJwt });
  const body = { handle: `${name}.example`, did: made.json['did'], email: `${name}@new.org`, password: 'a password' };
  const { accessJwt, did } = await world.call('com.atproto.server.createAccount', { body, token: String(auth.json['token']) });
  return { did: String(did), token: String(accessJwt), old };
}

/** A move that has come as far as it goes by itself. */
async function begun(world: World): Promise<Mover> {
  const mover = await arrived(world);
  await world.call(`${move}begin`, { body: mover.old, token: mover.token });
  await stateIs(world, mover.token, 'yourTurn');
  return mover;
}

async function stateIs(world: World, token: string, state: string): Promise<void> {
  await eventually(`the move is at ${state}`, async () => (await world.call(`${move}getStatus`, { token }))['state'] === state);
}

const ofBegun = async (world: World): Promise<Made> => as(await begun(world));

/** Somebody whose server is nowhere, with a key of their own, and the operation that leads here. */
interface Lost {
  readonly did: string;
  readonly handle: string;
  operation(): Promise<unknown>;
  /** Lets the directory take another operation before ours. */
  overtake(): Promise<void>;
}

async function lost(world: World): Promise<Lost> {
  const name = world.newName();
  const [own, oldServer, signingKey] = [Keypair.generate('p256'), Keypair.generate('k256'), Keypair.generate('k256')];
  const { did, operation: genesis } = createPlcGenesis({ signingKey: signingKey.did, rotationKeys: [own.did, oldServer.did], handle: `${name}.gone.example`, pdsUrl: 'https://gone.example', rotationKeypair: oldServer });
  const submit = (operation: unknown): Promise<Response> => fetch(`${world.pds.plc.url}/${did}`, { method: 'POST', body: JSON.stringify(operation), headers: { 'content-type': 'application/json' } });
  await submit(genesis);
  const handle = `${name}.test`;
  const ground = (): Promise<Answer['json']> => world.call(`${move}prepareRestore`, { body: { did } });
  const update = (prev: unknown, more: Partial<UnsignedPlcUpdate>): unknown => signPlcOperation<UnsignedPlcUpdate>({
    type: 'plc_operation', prev: String(prev), rotationKeys: [own.did, oldServer.did], alsoKnownAs: [`at://${handle}`], verificationMethods: { atproto: signingKey.did },
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://gone.example' } }, ...more,
  }, own);
  return {
    did, handle,
    async operation() {
      const { prev, serverKeys, signingKey: key, pdsUrl } = await ground();
      return update(prev, { rotationKeys: [own.did, ...(serverKeys as string[])], verificationMethods: { atproto: String(key) }, services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: String(pdsUrl) } } });
    },
    async overtake() {
      const { prev } = await ground();
      await submit(update(prev, { alsoKnownAs: [`at://${name}.elsewhere.example`] }));
    },
  };
}

async function restoreBody(world: World, who: Lost): Promise<Record<string, unknown>> {
  return { did: who.did, handle: who.handle, email: `${world.newName()}@new.org`, password: 'a password', operation: await who.operation() };
}

async function restored(world: World, who: Lost): Promise<{ token: string }> {
  const { accessJwt } = await world.call(`${move}restore`, { body: await restoreBody(world, who) });
  return { token: String(accessJwt) };
}

const onBegun = (body: object): Maker => async (world) => ({ ...operator(world), body: { did: (await begun(world)).did, ...body } });

/** All of them. */
export const makersOfMovers: Makers = {
  [`${move}begin`]: async (world) => {
    const mover = await arrived(world);
    return { ...as(mover), body: mover.old };
  },
  [`${move}getStatus`]: ofBegun,
  [`${move}goOn`]: async (world) => ({ ...(await ofBegun(world)), body: { withoutMissing: true, withoutFarewell: true } }),
  [`${move}getIdentity`]: ofBegun,
  [`${move}requestCode`]: ofBegun,
  [`${move}changeIdentity`]: async (world) => {
    const mover = await begun(world);
    await world.call(`${move}requestCode`, { method: 'POST', token: mover.token });
    const { json } = await call(world.oldHome.url, 'app.dunlin.admin.listMailCodes', { headers: world.oldHome.admin, params: { account: mover.did } });
    return { ...as(mover), body: { token: (json['codes'] as { code: string }[])[0]!.code, recoveryKey: Keypair.generate('p256').did, keptKeys: [] } };
  },
  [`${move}abandon`]: ofBegun,
  [`${move}prepareRestore`]: async (world) => ({ body: { did: (await lost(world)).did } }),
  [`${move}restore`]: async (world) => ({ body: await restoreBody(world, await lost(world)) }),
  [`${move}completeArchive`]: async (world) => ({ ...as(await restored(world, await lost(world))), body: { withoutMissing: true } }),
  [`${move}signAgain`]: async (world) => {
    const who = await lost(world);
    const { token } = await restored(world, who);
    await who.overtake();
    await world.call(`${move}completeArchive`, { body: { withoutMissing: true }, token });
    await stateIs(world, token, 'stopped');
    return { ...as({ token }), body: { operation: await who.operation() } };
  },
  'app.dunlin.admin.listMoves': async (world) => ({ ...operator(world), params: { done: true, limit: 2, cursor: '1' } }),
  'app.dunlin.admin.getMove': async (world) => ({ ...operator(world), params: { account: (await begun(world)).did } }),
  'app.dunlin.admin.stopMove': onBegun({ reason: 'x' }),
  'app.dunlin.admin.resumeMove': async (world) => {
    const { did } = await begun(world);
    await world.call('app.dunlin.admin.stopMove', { ...operator(world), body: { did } });
    return { ...operator(world), body: { did } };
  },
  'app.dunlin.account.makeArchiveTicket': async (world) => as(await world.member()),
};
