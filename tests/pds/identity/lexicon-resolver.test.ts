/** Published lexicons of strangers: how large one may be, and how much of all is remembered. */
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { LexiconResolver, maxLexiconBytes, lexiconTimeoutMs, maxLookUps, maxOfOneDomain, maxRememberedBytes } from '../../../pds/src/identity/lexicon-resolver.ts';
import { makeRepo } from '../migration/moving.ts';

const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
const keypair = Keypair.generate();
const asked: string[] = [];

/** A resolver of a network in which every name has a lexicon with so long a description. */
function resolverOf(descriptionLength: number): LexiconResolver {
  const resolver = { resolveDid: async () => ({ pdsUrl: 'https://pds.example.org', signingKey: parseDidKey(keypair.did) }) } as unknown as IdentityResolver;
  const fetch = (async (input: string) => {
    const nsid = new URL(input).searchParams.get('rkey') ?? '';
    asked.push(nsid);
    const record = { $type: 'com.atproto.lexicon.schema', lexicon: 1, id: nsid, description: 'x'.repeat(descriptionLength), defs: { main: { type: 'token' } } };
    return new Response(new Uint8Array(makeRepo(did, keypair, [[`com.atproto.lexicon.schema/${nsid}`, record]]).car));
  }) as typeof globalThis.fetch;
  return new LexiconResolver({ resolver, fetch, resolveTxt: async () => [[`did=${did}`]], clock: new ManualClock() });
}
beforeEach(() => void (asked.length = 0));

test('one is found, and asked for once while it is remembered', async () => {
  const lexicons = resolverOf(1_000);
  expect(await lexicons.resolve('org.example.thing')).toMatchObject({ uri: `at://${did}/com.atproto.lexicon.schema/org.example.thing`, document: { id: 'org.example.thing' } });
  await lexicons.resolve('org.example.thing');
  expect(asked).toEqual(['org.example.thing']);
});

test('one that is too large is none', async () => {
  expect(await resolverOf(maxLexiconBytes - 500).resolve('org.example.thing')).not.toBeNull();
  expect(await resolverOf(maxLexiconBytes).resolve('org.example.thing')).toBeNull();
});

describe('of look-ups that take their time', () => {
  const slow = (isSlow: (name: string) => boolean): { lexicons: LexiconResolver; clock: ManualClock; asked: string[]; open: () => void } => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const [clock, asked]: [ManualClock, string[]] = [new ManualClock(), []];
    const resolveTxt = async (name: string): Promise<string[][]> => {
      asked.push(name);
      if (isSlow(name)) await gate;
      return [];
    };
    return { lexicons: new LexiconResolver({ resolver: {} as IdentityResolver, fetch: globalThis.fetch, clock, resolveTxt }), clock, asked, open };
  };

  test('so many are under way at once; one that is asked for already costs nothing', async () => {
    const { lexicons, open } = slow(() => true);
    const running = Array.from({ length: maxLookUps }, (_, index) => lexicons.resolve(`org.example${Math.floor(index / maxOfOneDomain)}.thing${index}`));
    const same = lexicons.resolve('org.example0.thing0');
    await expect(lexicons.resolve('org.example.more')).rejects.toMatchObject({ status: 503, error: 'NotEnoughResources' });
    open();
    expect(await Promise.all([...running, same])).toEqual(Array.from({ length: maxLookUps + 1 }, () => null));
    expect(await lexicons.resolve('org.example.more')).toBeNull();
  });

  test('one domain has a few, whatever it puts before its name; its others wait in line, and end in time', async () => {
    const { lexicons, clock, asked, open } = slow((name) => name.endsWith('.evil.org'));
    const theirs = Array.from({ length: maxLookUps + 1 }, (_, index) => lexicons.resolve(`org.evil.host${index}.thing`));
    expect(await lexicons.resolve('org.example.thing')).toBeNull();
    expect(asked.filter((name) => name.endsWith('.evil.org'))).toHaveLength(maxOfOneDomain);
    clock.advance(lexiconTimeoutMs);
    expect(await Promise.all(theirs)).toEqual(theirs.map(() => null));
    open();
  });
});

test('many large ones push out those used longest ago', async () => {
  const lexicons = resolverOf(100_000);
  const count = Math.ceil(maxRememberedBytes / 100_000) + 5;
  for (let index = 0; index < count; index++) await lexicons.resolve(`org.example.thing${index}`);
  await lexicons.resolve(`org.example.thing${count - 1}`);
  expect(asked).toHaveLength(count);
  await lexicons.resolve('org.example.thing0');
  expect(asked).toHaveLength(count + 1);
});
