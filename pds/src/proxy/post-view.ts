/**
 * How posts and profiles that an app view has not seen are shown until it has: built from the records alone, with all counts zero.
 * Pure functions; what must be asked of others (quoted posts) is given to them. Shapes are those of the app.bsky lexicons.
 * Not for where such posts go in a feed or thread (`munge-*.ts`). Source: behaviour of the reference PDS.
 */
import type { JsonRecord, LocalRecord } from './local-records.ts';

/** A person as feeds show them. */
export interface ProfileView {
  readonly did: string;
  readonly handle: string;
  readonly [field: string]: unknown;
}

/** A post as feeds show it. */
export interface PostView {
  readonly uri: string;
  readonly author: ProfileView;
  readonly record: JsonRecord;
  readonly indexedAt: string;
  readonly [field: string]: unknown;
}

/** What views of an account's own records are built with. */
export interface Viewer {
  readonly did: string;
  readonly handle: string;
  /** The account's profile record; null when it has none. */
  readonly profile: JsonRecord | null;
  /** Gives where an image of the account is shown from; `kind` is that of the image service, such as avatar. */
  imageUrl(kind: string, cid: string): string;
  /** Views of what the account's new posts quote, by URI; what is missing is shown as not found. */
  readonly quoted: ReadonlyMap<string, JsonRecord>;
}

/** Gives the author of the account's posts. */
export function authorView({ did, handle, profile, imageUrl }: Viewer): ProfileView {
  const avatar = blobCid(profile?.['avatar']);
  const displayName = profile?.['displayName'];
  return { did, handle, ...(typeof displayName === 'string' && { displayName }), ...(avatar !== null && { avatar: imageUrl('avatar', avatar) }) };
}

/** Puts the account's present name and picture into a view of it. */
export function withBasicProfile(view: ProfileView, viewer: Viewer): ProfileView {
  const { displayName: _name, avatar: _avatar, ...others } = view;
  const { displayName, avatar } = authorView(viewer);
  return { ...others, did: view.did, handle: view.handle, ...(displayName !== undefined && { displayName }), ...(avatar !== undefined && { avatar }) };
}

/** Puts all of the account's present profile into a view of it. */
export function withDetailedProfile(view: ProfileView, viewer: Viewer): ProfileView {
  const { description: _description, banner: _banner, ...basic } = withBasicProfile(view, viewer);
  const banner = blobCid(viewer.profile?.['banner']);
  const description = viewer.profile?.['description'];
  return {
    ...basic, did: view.did, handle: view.handle,
    ...(typeof description === 'string' && { description }),
    ...(banner !== null && { banner: viewer.imageUrl('banner', banner) }),
  };
}

/** Gives the view of a post of the account. */
export function postView({ uri, cid, indexedAt, record }: LocalRecord, viewer: Viewer): PostView {
  const embed = embedView(record['embed'], viewer);
  return {
    uri, cid, author: authorView(viewer), record, ...(embed && { embed }),
    likeCount: 0, replyCount: 0, repostCount: 0, quoteCount: 0, indexedAt,
  };
}

/** Gives the URI a post quotes, or null. */
export function quotedUri({ record }: LocalRecord): string | null {
  const { embed } = record as { embed?: unknown };
  if (!isObject(embed)) return null;
  const holder = embed['$type'] === 'app.bsky.embed.recordWithMedia' ? embed['record'] : embed;
  const reference = isObject(holder) ? holder['record'] : null;
  return isObject(reference) && typeof reference['uri'] === 'string' ? reference['uri'] : null;
}

function embedView(embed: unknown, viewer: Viewer): JsonRecord | null {
  if (!isObject(embed)) return null;
  switch (embed['$type']) {
    case 'app.bsky.embed.images':
      return imagesView(embed, viewer);
    case 'app.bsky.embed.external':
      return externalView(embed, viewer);
    case 'app.bsky.embed.record':
      return quoteView(embed, viewer);
    case 'app.bsky.embed.recordWithMedia': {
      const media = embedView(embed['media'], viewer);
      const record = isObject(embed['record']) ? quoteView(embed['record'], viewer) : null;
      return media && record && { $type: 'app.bsky.embed.recordWithMedia#view', record, media };
    }
    default:
      return null;
  }
}

function imagesView(embed: JsonRecord, { imageUrl }: Viewer): JsonRecord {
  const images = Array.isArray(embed['images']) ? embed['images'].filter(isObject) : [];
  return {
    $type: 'app.bsky.embed.images#view',
    images: images.flatMap(({ image, alt, aspectRatio }) => {
      const cid = blobCid(image);
      if (cid === null) return [];
      return [{ thumb: imageUrl('feed_thumbnail', cid), fullsize: imageUrl('feed_fullsize', cid), alt, ...(aspectRatio !== undefined && { aspectRatio }) }];
    }),
  };
}

function externalView(embed: JsonRecord, { imageUrl }: Viewer): JsonRecord | null {
  const { external } = embed;
  if (!isObject(external)) return null;
  const { uri, title, description } = external;
  const thumb = blobCid(external['thumb']);
  return { $type: 'app.bsky.embed.external#view', external: { uri, title, description, ...(thumb !== null && { thumb: imageUrl('feed_thumbnail', thumb) }) } };
}

function quoteView(embed: JsonRecord, { quoted }: Viewer): JsonRecord | null {
  const reference = embed['record'];
  if (!isObject(reference) || typeof reference['uri'] !== 'string') return null;
  const { uri } = reference;
  return { $type: 'app.bsky.embed.record#view', record: quoted.get(uri) ?? { $type: 'app.bsky.embed.record#viewNotFound', uri, notFound: true } };
}

/** Gives the CID of a blob in JSON form, or null. */
function blobCid(blob: unknown): string | null {
  const ref = isObject(blob) ? blob['ref'] : null;
  return isObject(ref) && typeof ref['$link'] === 'string' ? ref['$link'] : null;
}

/** Tells whether a JSON value is an object, and no list. */
export function isObject(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
