/**
 * Where images of posts that an app view has not seen are shown from: its image service, else this server's own blobs.
 * The pattern has three %s: kind of image (such as avatar), DID, CID.
 * Source: PDS_BSKY_APP_VIEW_CDN_URL_PATTERN as the reference PDS reads it.
 */

/** Gives the function that makes such addresses. */
export function imageUrls(pattern: string | null, publicUrl: () => string): (kind: string, did: string, cid: string) => string {
  if (pattern === null) return (_kind, did, cid) => `${publicUrl()}/xrpc/com.atproto.sync.getBlob?did=${encodeURIComponent(did)}&cid=${cid}`;
  return (...parts) => {
    let next = 0;
    return pattern.replaceAll('%s', () => parts[next++] ?? '');
  };
}
