/**
 * A web server with the document of one did:web, which its owner changes: what a person has at their own domain.
 * Source: ours.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DocumentHost {
  readonly did: string;
  /** Writes parts into the document, in the place of those of the same name. */
  write(parts: Record<string, unknown>): void;
  close(): Promise<void>;
}

export async function startDocumentHost(): Promise<DocumentHost> {
  let document: Record<string, unknown> = {};
  const host = createServer((_request, response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify(document)));
  await new Promise<void>((resolve) => void host.listen(0, '127.0.0.1', resolve));
  const did = `did:web:localhost%3A${(host.address() as AddressInfo).port}`;
  document = { id: did };
  return {
    did,
    write: (parts) => {
      document = { ...document, ...parts };
    },
    close() {
      host.closeAllConnections();
      return new Promise((resolve) => void host.close(() => resolve()));
    },
  };
}

/** The parts of a document that make an account live somewhere. */
export function partsOf(o: { did: string; handle: string; didKey: string; pdsUrl: string }): Record<string, unknown> {
  return {
    alsoKnownAs: [`at://${o.handle}`],
    verificationMethod: [{ id: `${o.did}#atproto`, type: 'Multikey', controller: o.did, publicKeyMultibase: o.didKey.slice('did:key:'.length) }],
    service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: o.pdsUrl }],
  };
}
