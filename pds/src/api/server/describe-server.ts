/**
 * com.atproto.server.describeServer: what a client must know before anybody has signed in.
 * Source: lexicon of that name; shape and order as the reference PDS.
 * Not for health or figures, which have paths of their own.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Invites } from '../../invite/invites.ts';
import type { ServerIdentity } from '../../identity/server-identity.ts';

/** What of the configuration is shown. */
export interface ShownConfig {
  readonly contactEmailAddress: string | null;
  readonly privacyPolicyUrl: string | null;
  readonly termsOfServiceUrl: string | null;
  readonly blobUploadLimit: number;
}

/** Gives the method. */
export function describeServerRoute(o: { invites: Invites; server: ServerIdentity; domains: readonly string[]; config: ShownConfig }): XrpcRoute {
  const { contactEmailAddress, privacyPolicyUrl, termsOfServiceUrl, blobUploadLimit } = o.config;
  return route('com.atproto.server.describeServer', {
    handler: () => ({
      body: {
        did: o.server.did,
        availableUserDomains: o.domains,
        inviteCodeRequired: o.invites.areRequired,
        blobUploadLimit,
        links: { ...(privacyPolicyUrl && { privacyPolicy: privacyPolicyUrl }), ...(termsOfServiceUrl && { termsOfService: termsOfServiceUrl }) },
        contact: { ...(contactEmailAddress && { email: contactEmailAddress }) },
      },
    }),
  });
}
