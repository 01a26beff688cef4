/**
 * The did:web document of this app view: where its service is, so that tokens can name it and rooms can point to it.
 * It has no signing key: this service signs nothing.
 * Source: W3C did:web; AT Protocol spec "DID".
 */
import type { PlainRouter } from '@dunlin/service/http/router';

/** Id of the service entry; with the DID before it, the name of this gateway in rooms and tokens. */
export const serviceId = '#dunlin_live';

/** Serves /.well-known/did.json. */
export function serveDidDocument(router: PlainRouter, o: { readonly did: string; readonly url: string }): void {
  const document = {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: o.did,
    service: [{ id: serviceId, type: 'DunlinLiveService', serviceEndpoint: o.url }],
  };
  router.get('/.well-known/did.json', (context) => {
    context.set('cache-control', 'public, max-age=300');
    context.body = document;
  });
}
