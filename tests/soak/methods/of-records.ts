/**
 * Input for records, blobs and repositories at a PDS: com.atproto.repo.*, sync.*, the look-up of lexicons.
 * Not for: accounts, the operator, other servers (the files beside this one). Source: the lexicons.
 */
import { makeRepo, newTraveller } from '../../pds/migration/moving.ts';
import { post } from '../../pds/small-pds.ts';
import { as, type Made, type Makers } from './made.ts';
import { lexiconId, postCollection, type World } from './world.ts';

const repo = 'com.atproto.repo.';
const sync = 'com.atproto.sync.';

const ofAuthor = ({ author: { did } }: World): Made => ({ params: { did } });
const postOf = ({ author }: World): { repo: string; collection: string; rkey: string } => ({ repo: author.did, collection: postCollection, rkey: author.rkey });

/** Somebody with one post, who may change it. */
async function withPost(world: World): Promise<{ made: Made; token: string; did: string; rkey: string; cid: string; commit: string }> {
  const member = await world.member();
  const { uri, cid, commit } = await world.call(`${repo}createRecord`, { body: { repo: member.did, collection: postCollection, record: post('first') }, token: member.token });
  return { made: as(member), token: member.token, did: member.did, rkey: String(uri).split('/').at(-1)!, cid: String(cid), commit: (commit as { cid: string }).cid };
}

const writing: Makers = {
  [`${repo}createRecord`]: async (world) => {
    const { made, did, commit } = await withPost(world);
    return { ...made, body: { repo: did, collection: postCollection, rkey: '3jzfcijpj2z2a', validate: true, record: { ...post('hello'), langs: ['en'], tags: ['a'] }, swapCommit: commit } };
  },
  [`${repo}putRecord`]: async (world) => {
    const { made, did, rkey, cid, commit } = await withPost(world);
    return { ...made, body: { repo: did, collection: postCollection, rkey, validate: true, record: post('second'), swapRecord: cid, swapCommit: commit } };
  },
  [`${repo}deleteRecord`]: async (world) => {
    const { made, did, rkey, cid, commit } = await withPost(world);
    return { ...made, body: { repo: did, collection: postCollection, rkey, swapRecord: cid, swapCommit: commit } };
  },
  [`${repo}applyWrites`]: async (world) => {
    const { made, did, rkey, token } = await withPost(world);
    const { uri, commit } = await world.call(`${repo}createRecord`, { body: { repo: did, collection: postCollection, record: post('to go') }, token });
    const writes = [
      { $type: `${repo}applyWrites#create`, collection: postCollection, rkey: '3jzfcijpj2z2a', value: post('one') },
      { $type: `${repo}applyWrites#update`, collection: postCollection, rkey, value: post('two') },
      { $type: `${repo}applyWrites#delete`, collection: postCollection, rkey: String(uri).split('/').at(-1)! },
    ];
    return { ...made, body: { repo: did, validate: true, writes, swapCommit: (commit as { cid: string }).cid } };
  },
  [`${repo}uploadBlob`]: async (world) => ({ ...as(await world.member()), body: Buffer.from('\x89PNG\r\n\x1a\nblob', 'latin1'), encoding: 'image/png' }),
  [`${repo}importRepo`]: async (world) => {
    const traveller = await newTraveller({ plcUrl: world.pds.plc.url, url: world.pds.url }, world.newName());
    const records = Array.from({ length: 20 }, (_, n): [string, object] => [`${postCollection}/3jzfcijpj2z${n.toString().padStart(2, '2')}`, post(`post ${n}`)]);
    return { ...as(traveller), body: makeRepo(traveller.did, traveller.signingKey, records).car, encoding: 'application/vnd.ipld.car' };
  },
};

const reading: Makers = {
  [`${repo}describeRepo`]: ({ author }) => ({ params: { repo: author.handle } }),
  [`${repo}getRecord`]: (world) => ({ params: { ...postOf(world), cid: world.author.cid } }),
  [`${repo}listRecords`]: ({ author }) => ({ params: { repo: author.did, collection: postCollection, limit: 2, cursor: author.rkey, reverse: false } }),
  [`${repo}listMissingBlobs`]: ({ author }) => ({ ...as(author), params: { limit: 2, cursor: author.blobCid } }),
  [`${sync}getBlob`]: ({ author: { did, blobCid } }) => ({ params: { did, cid: blobCid } }),
  [`${sync}getBlocks`]: ({ author: { did, cid, commit } }) => ({ params: { did, cids: [cid, commit.cid] } }),
  [`${sync}getCheckout`]: ofAuthor,
  [`${sync}getHead`]: ofAuthor,
  [`${sync}getLatestCommit`]: ofAuthor,
  [`${sync}getRecord`]: (world) => ({ params: { did: world.author.did, collection: postCollection, rkey: world.author.rkey, commit: world.author.commit.cid } }),
  [`${sync}getRepo`]: ({ author: { did, commit } }) => ({ params: { did, since: commit.rev } }),
  [`${sync}getRepoStatus`]: ofAuthor,
  [`${sync}listBlobs`]: ({ author: { did, blobCid } }) => ({ params: { did, since: '2222222222222', limit: 2, cursor: blobCid } }),
  [`${sync}listRepos`]: () => ({ params: { limit: 2, cursor: '0::did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' } }),
  'com.atproto.lexicon.resolveLexicon': () => ({ params: { nsid: lexiconId } }),
};

/** All of them. */
export const makersOfRecords: Makers = { ...writing, ...reading };
