/**
 * A recovery key for the person's DID: made in this browser, or one they have already, named by its did:key (P-256 or secp256k1).
 * Not for signing with one (`rotation-signature.ts`).
 * Source: ours; W3C did:key.
 */
import { shownDidKey } from './identity-view.ts';
import { button, element, field, form } from './page.ts';
import { isDidKey, makeRecoveryKey, recoveryFile, type RecoveryKey } from './recovery-key.ts';

/** Offers both ways; `then` gives what is shown below the key once there is one. */
export function keyChoice({ did, handle }: { did: string; handle: string }, then: (didKey: string) => readonly HTMLElement[]): HTMLElement[] {
  const place = element('div');
  const known = form({ id: 'own-key-form' }, async ({ didKey = '' }) => {
    const key = didKey.trim();
    if (!isDidKey(key)) throw new Error('this is no did:key of the kinds that may rule an identity (P-256, secp256k1); it begins with did:key:z');
    place.replaceChildren(element('p', {}, 'Your key:'), shownDidKey(key), ...then(key));
  }, field('Its public half', { name: 'didKey', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', placeholder: 'did:key:z…' }), element('button', { class: 'quiet' }, 'Use this key'));
  place.append(
    element('p', {}, button('Make a recovery key', { id: 'make-key' }, async () => {
      const key = await makeRecoveryKey();
      place.replaceChildren(...madeKey(key, { did, handle }), ...then(key.didKey));
    })),
    element('details', { id: 'have-key' }, element('summary', {}, 'I have one already'), known));
  return [place];
}

/** Shows a key that was just made, and offers it as a file. */
export function madeKey(key: RecoveryKey, { did, handle }: { did: string; handle: string }): HTMLElement[] {
  const address = URL.createObjectURL(new Blob([recoveryFile(key, { did, handle })], { type: 'text/plain' }));
  return [
    element('p', {}, 'Your private key, made in this browser and sent to nobody:'), element('pre', { id: 'recovery-key' }, key.secret),
    element('p', {}, element('a', { href: address, download: `recovery-key-${handle}.txt` }, 'Keep it as a file'), '. It cannot be shown again.'),
  ];
}
