/**
 * The two documents by which a client finds out how to sign people in here, answered without loading the provider.
 * That they are what the provider would say is held by a test.
 * Not for keys: access tokens are signed with a secret of this server and read by it alone. Source: RFC 8414, RFC 9728, atproto.com/specs/oauth.
 */

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES256K', 'ES384', 'ES512'];

/** Gives /.well-known/oauth-protected-resource; `url` is the public URL without a slash at the end. */
export function protectedResource(url: string): Record<string, unknown> {
  return {
    resource: url,
    authorization_servers: [url],
    scopes_supported: [],
    bearer_methods_supported: ['header'],
    resource_documentation: 'https://atproto.com',
  };
}

/** Gives /.well-known/oauth-authorization-server; `url` is the public URL without a slash at the end: the issuer. */
export function authorizationServer(url: string): Record<string, unknown> {
  return {
    issuer: url,
    request_parameter_supported: true,
    request_uri_parameter_supported: true,
    require_request_uri_registration: true,
    scopes_supported: ['atproto', 'transition:email', 'transition:generic', 'transition:chat.bsky'],
    subject_types_supported: ['public'],
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    ui_locales_supported: ['en-US'],
    display_values_supported: ['page', 'popup', 'touch'],
    request_object_signing_alg_values_supported: [...algorithms, 'none'],
    authorization_response_iss_parameter_supported: true,
    request_object_encryption_alg_values_supported: [],
    request_object_encryption_enc_values_supported: [],
    jwks_uri: `${url}/oauth/jwks`,
    authorization_endpoint: `${url}/oauth/authorize`,
    token_endpoint: `${url}/oauth/token`,
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint: `${url}/oauth/revoke`,
    pushed_authorization_request_endpoint: `${url}/oauth/par`,
    require_pushed_authorization_requests: true,
    dpop_signing_alg_values_supported: algorithms,
    protected_resources: [url],
    client_id_metadata_document_supported: true,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'],
  };
}
