/**
 * A person as a coloured initial and a name; the colour belongs to the DID and does not change with the handle.
 * Source: ours.
 */
const shortDid = (did: string): string => `${did.slice(0, 16)}…`;

/** Gives a hue from 0 to 359 that is always the same for a DID. */
function hueOf(did: string): number {
  let hash = 7;
  for (const character of did) hash = (hash * 31 + character.charCodeAt(0)) % 9_973;
  return hash % 12 * 30;
}

/** The coloured initial. */
export function Avatar({ did, name }: { did: string; name: string | undefined }) {
  return <span class={`avatar hue-${hueOf(did) / 30}`} aria-hidden="true">{(name ?? '?').slice(0, 1).toUpperCase()}</span>;
}

/** The name: the handle with its server told apart, or the beginning of the DID while no handle is verified. */
export function Name({ did, name }: { did: string; name: string | undefined }) {
  if (name === undefined) return <span class="name unverified" title={`${did}: no verified handle yet`}>{shortDid(did)}</span>;
  const dot = name.indexOf('.');
  return <span class="name" title={did}>{name.slice(0, dot)}<span class="server">{name.slice(dot)}</span></span>;
}
