/**
 * Service tokens: an account's key says "this request comes from me, for that service, for this one method".
 * Always checks: form, type (no session or DPoP token passes), expiry and lifetime, audience, method, issuer, signature (high-S is
 * tolerated here as the field does). Does not check: that a token is used once, or what the issuer may do.
 * Source: atproto.com/specs/xrpc "Inter-Service Authentication".
 */
import { ensureValidDid } from '@atproto/syntax';
import { toHex, utf8Encode } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxClockSkewSeconds, maxServiceJwtLifetimeSeconds } from '../base/limits.ts';
import type { Curve, PublicKey } from './did-key.ts';
import { formatJwt, formatUnsignedJwt, parseJwt } from './jwt.ts';
import type { JwtParts } from './jwt.ts';
import type { Keypair } from './keypair.ts';
import { randomBytes } from './random.ts';
import { verifySignature } from './signature.ts';

/** Claims of a service token; times in seconds since 1970. */
export interface ServiceJwtClaims {
  /** DID of the account, with `#service` only where the verifier allows that. */
  readonly iss: string;
  /** DID of the service, perhaps with `#service`. */
  readonly aud: string;
  readonly exp: number;
  /** When it was made; null when the issuer left it out. */
  readonly iat: number | null;
  /** The one method it is for. */
  readonly lxm?: string;
  /** Its own name, for refusing a second use; null when the issuer left it out. */
  readonly jti: string | null;
}

/** What `verifyServiceJwt` compares with. */
export interface VerifyServiceJwtOptions {
  /** Our DIDs. A DID here matches that DID with any fragment too; one with a fragment matches itself alone. */
  readonly audiences: readonly string[];
  /** The method that is being called. */
  readonly lxm: string;
  readonly nowMs: number;
  readonly maxLifetimeSeconds?: number;
  /** Accepts issuers like `did:plc:x#atproto_labeler`; `signingKey` is then asked for the whole of it. */
  readonly allowServiceIssuer?: boolean;
  /** Gives the key that speaks for a DID, or null; `forceRefresh` asks for a fresh look-up. What it throws passes through. */
  readonly signingKey: (did: string, forceRefresh: boolean) => Promise<PublicKey | null>;
}

const defaultLifetimeSeconds = 60;
const jtiBytes = 16;
const algorithmByCurve: Readonly<Record<Curve, string>> = { p256: 'ES256', k256: 'ES256K' };
const typesOfOtherTokens: ReadonlySet<unknown> = new Set(['at+jwt', 'refresh+jwt', 'dpop+jwt']);

/** Gives a token of the issuer for the audience; `lxm` null makes one for any method, which few accept. */
export function mintServiceJwt(o: {
  readonly issuer: string;
  readonly audience: string;
  readonly lxm: string | null;
  readonly keypair: Keypair;
  readonly nowMs: number;
  readonly lifetimeSeconds?: number;
}): string {
  const iat = Math.floor(o.nowMs / 1000);
  const exp = iat + (o.lifetimeSeconds ?? defaultLifetimeSeconds);
  const method = o.lxm === null ? {} : { lxm: o.lxm };
  const claims = { iat, iss: o.issuer, aud: o.audience, exp, ...method, jti: toHex(randomBytes(jtiBytes)) };
  const unsigned = formatUnsignedJwt({ typ: 'JWT', alg: algorithmByCurve[o.keypair.curve] }, claims);
  return formatJwt(unsigned, o.keypair.sign(utf8Encode(unsigned)));
}

/**
 * Gives the claims of a token that holds. The key is looked up afresh once when the signature does not fit: keys rotate.
 * @throws ProtocolError BadJwt, BadJwtType, JwtExpired, BadJwtAudience, BadJwtLexiconMethod, BadJwtIss, BadJwtSignature
 */
export async function verifyServiceJwt(token: string, o: VerifyServiceJwtOptions): Promise<ServiceJwtClaims> {
  const jwt = parseJwt(token);
  if (typesOfOtherTokens.has(jwt.header['typ'])) throw new ProtocolError('BadJwtType', 'jwt is not a service token');
  const claims = readClaims(jwt);
  checkTimes(claims, o.nowMs / 1000, o.maxLifetimeSeconds ?? maxServiceJwtLifetimeSeconds);
  if (!o.audiences.some((audience) => isAudience(claims.aud, audience))) {
    throw new ProtocolError('BadJwtAudience', 'jwt audience does not match service did');
  }
  if (claims.lxm !== o.lxm) {
    const fact = claims.lxm === undefined ? 'missing jwt lexicon method ("lxm")' : 'bad jwt lexicon method ("lxm")';
    throw new ProtocolError('BadJwtLexiconMethod', `${fact}. must match: ${o.lxm}`);
  }
  if (!isIssuer(claims.iss, o.allowServiceIssuer ?? false)) throw new ProtocolError('BadJwtIss', 'jwt iss is not a valid did');
  await checkSignature(jwt, claims.iss, o.signingKey);
  return claims;
}

function readClaims({ claims }: JwtParts): ServiceJwtClaims {
  const { iss, aud, exp, iat, lxm, jti } = claims;
  const isWellFormed = typeof iss === 'string' && typeof aud === 'string' && isTime(exp)
    && (iat === undefined || isTime(iat))
    && (lxm === undefined || typeof lxm === 'string')
    && (jti === undefined || typeof jti === 'string');
  if (!isWellFormed) throw new ProtocolError('BadJwt', 'poorly formatted jwt');
  return { iss, aud, exp, iat: iat ?? null, ...(lxm === undefined ? {} : { lxm }), jti: jti ?? null };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function checkTimes({ exp, iat }: ServiceJwtClaims, nowSeconds: number, maxLifetimeSeconds: number): void {
  if (nowSeconds > exp) throw new ProtocolError('JwtExpired', 'jwt expired');
  if (exp - nowSeconds > maxLifetimeSeconds + maxClockSkewSeconds) throw new ProtocolError('BadJwt', `jwt lives too long: maxSeconds=${maxLifetimeSeconds}`);
  if (iat !== null && iat - nowSeconds > maxClockSkewSeconds) throw new ProtocolError('BadJwt', 'jwt is from the future');
}

function isAudience(claimed: string, audience: string): boolean {
  return claimed === audience
    || (!audience.includes('#') && claimed.startsWith(`${audience}#`) && claimed.length > audience.length + 1);
}

function isIssuer(issuer: string, allowService: boolean): boolean {
  const [did, service, ...more] = issuer.split('#');
  if (did === undefined || more.length > 0 || service === '' || (service !== undefined && !allowService)) return false;
  try {
    ensureValidDid(did);
    return true;
  } catch {
    return false;
  }
}

async function checkSignature(jwt: JwtParts, issuer: string, signingKey: VerifyServiceJwtOptions['signingKey']): Promise<void> {
  const key = await signingKey(issuer, false);
  if (key !== null && fits(jwt, key)) return;
  const freshKey = await signingKey(issuer, true);
  if (freshKey === null) throw new ProtocolError('BadJwtIss', 'jwt iss has no signing key');
  if (freshKey.didKey === key?.didKey || !fits(jwt, freshKey)) {
    throw new ProtocolError('BadJwtSignature', 'jwt signature does not match jwt issuer');
  }
}

function fits({ header, signed, signature }: JwtParts, key: PublicKey): boolean {
  return header['alg'] === algorithmByCurve[key.curve] && verifySignature(key, signed, signature, { allowHighS: true });
}
