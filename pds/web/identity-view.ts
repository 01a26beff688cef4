/**
 * What a person's DID is to say, shown before anything is signed: name, home, the key that signs, and every key that rules it, with whose
 * it is. The old server names its own keys and may lie, so the person decides about each key that is not this server's.
 * Source: ours; app.dunlin.move.getIdentity.
 */
import { element } from './page.ts';

/** A rotation key as the server tells of it. */
export interface RotationKey {
  readonly key: string;
  readonly holder: 'thisServer' | 'thisOperator' | 'oldServer' | 'unknown' | 'you';
  readonly change: 'stays' | 'goes' | 'comes';
}

/** What the DID is to say. */
export interface PlannedIdentity {
  readonly handle: string;
  readonly signingKey: string;
  readonly pdsUrl: string;
  readonly keys?: readonly RotationKey[];
  readonly otherEntries?: readonly { readonly name: string; readonly value: string }[];
}

/** What is shown, and what the person decided. */
export interface IdentityTable {
  readonly parts: HTMLElement[];
  /** Puts a key of the person's first, or takes it away with null. */
  setOwnKey(didKey: string | null): void;
  /** Keys of the present ones that stay. @throws Error with a sentence while one is undecided */
  keptKeys(): string[];
}

const signsShown = 10;

/** A key, shortened; pressed, whole. */
export function shownDidKey(didKey: string): HTMLElement {
  const text = didKey.slice('did:key:'.length);
  return element('details', { class: 'key' }, element('summary', {}, element('code', {}, `${text.slice(0, signsShown)}…${text.slice(-signsShown)}`)), element('code', {}, didKey));
}

/** Shows all of it; `oldHost` names who says which keys are the old server's. */
export function identityTable({ handle, signingKey, pdsUrl, keys = [], otherEntries = [] }: PlannedIdentity, oldHost: string): IdentityTable {
  const choices = new Map<string, HTMLSelectElement>();
  const own = element('li', { id: 'own-key' });
  own.hidden = true;
  const rows = keys.map((each) => keyRow(each, oldHost, choices));
  const others = otherEntries.map(({ name, value }) => row(name, value));
  return {
    parts: [
      element('p', {}, 'This is what your identity will say:'),
      element('dl', { id: 'identity-says' }, row('Handle', `@${handle}`), row('Home', pdsUrl), row('Signs for you', shownDidKey(signingKey), `this server's key for your account, ${location.host}`), ...others),
      ...(keys.length === 0 ? [] : [element('p', {}, 'Keys that may change it, now or then, the strongest first; each can undo what those below it did:'), element('ol', { id: 'rotation-keys', class: 'keys' }, own, ...rows)]),
    ],
    setOwnKey(didKey) {
      own.hidden = didKey === null;
      own.replaceChildren(...(didKey === null ? [] : [shownDidKey(didKey), element('small', {}, 'your recovery key: is added above all others')]));
    },
    keptKeys() {
      for (const [key, choice] of choices) if (choice.value === '') throw new Error(`say first whether you know the key ${key.slice('did:key:'.length, 'did:key:'.length + signsShown)}…`);
      return [...choices].filter(([, { value }]) => value === 'stays').map(([key]) => key);
    },
  };
}

/** Gives the parts of a did:web's document that make an account live here, as JSON. */
export function documentText({ did, handle, signingKey, pdsUrl }: { did: string; handle: string; signingKey: string; pdsUrl: string }): string {
  return JSON.stringify({
    alsoKnownAs: [`at://${handle}`],
    verificationMethod: [{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: signingKey.slice('did:key:'.length) }],
    service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: pdsUrl }],
  }, null, 1);
}

function keyRow({ key, holder, change }: RotationKey, oldHost: string, choices: Map<string, HTMLSelectElement>): HTMLElement {
  if (holder === 'thisServer' || holder === 'thisOperator' || holder === 'you') {
    const whose = holder === 'you' ? 'yours, which signs this' : holder === 'thisServer' ? `this server's, ${location.host}` : `of this server's operator, kept apart from the server`;
    return element('li', { 'data-holder': holder }, shownDidKey(key), element('small', {}, `${whose}: ${{ stays: 'stays', goes: 'is taken out', comes: 'is added' }[change]}`));
  }
  const isUnknown = holder === 'unknown';
  const choice = element('select', { 'aria-label': `What becomes of the key ${key}` },
    ...(isUnknown ? [element('option', { value: '' }, 'Please choose')] : []),
    element('option', { value: 'goes' }, isUnknown ? 'I do not know it: take it out' : 'It is theirs: take it out'),
    element('option', { value: 'stays' }, 'It is my own: it stays'));
  choices.set(key, choice);
  const whose = isUnknown ? `nobody says whose: yours, if you ever added one; else somebody put it there` : oldHost === 'the archive' ? 'the old server\'s, the archive says' : `${oldHost} says it is its own`;
  return element('li', { 'data-holder': holder }, shownDidKey(key), element('small', {}, whose), choice);
}

function row(name: string, value: string | HTMLElement, note?: string): HTMLElement {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value, note === undefined ? null : element('small', {}, note)));
}
