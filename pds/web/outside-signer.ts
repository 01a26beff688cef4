/**
 * A recovery key that is kept elsewhere: the operation is shown as text, another program or device signs it, the signature is pasted.
 * Source: ours; did:plc v0.3.
 */
import { element, form } from './page.ts';
import { isDidKey } from './recovery-key.ts';
import { readSignature, signedBytes, type Signer } from './rotation-signature.ts';

/** Gives a signer of a did:key, which asks below whatever the page shows. @throws Error with a sentence */
export function outsideSigner(didKey: string): Signer {
  if (!isDidKey(didKey)) throw new Error('this is no did:key of the kinds that may rule an identity (P-256, secp256k1)');
  let open: HTMLElement | null = null;
  return {
    didKey,
    sign: (change) => new Promise((resolve) => {
      open?.remove();
      const pasted = element('textarea', { name: 'signature', rows: '4', required: true, autocapitalize: 'none', spellcheck: 'false' });
      const part = element('section', { id: 'sign-outside' }, element('h2', {}, 'Sign this with your key'),
        element('p', {}, `Give this operation to the program that has ${didKey}:`), element('pre', { id: 'operation' }, JSON.stringify(change, null, 1)),
        element('details', {}, element('summary', {}, 'The very bytes, for a program that signs bytes'),
          element('p', {}, 'DAG-CBOR, as hex; what is signed is its SHA-256:'), element('pre', { id: 'operation-bytes' }, signedBytes(change))),
        form({ id: 'paste-signature' }, async ({ signature = '' }) => {
          resolve(readSignature(signature, change, didKey));
          part.remove();
        }, element('label', {}, 'The signed operation, or the signature alone (base64url or hex)', pasted), element('button', {}, 'Use this signature')));
      open = part;
      document.getElementById('page')?.append(part);
      part.scrollIntoView();
    }),
  };
}
