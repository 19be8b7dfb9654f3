// One issuer of tokens: which of a request's tokens are its, whether they are good, and what the request is told of them.
import type { JwtProvider } from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import { decodeStringMatcher } from '#proxy/config/decode-matcher';
import { type Findings, milliseconds } from '#proxy/config/findings';
import type { HttpStream } from '#proxy/http/stream';
import type { StringTest } from '#proxy/route/string-matcher';
import type { ProxyRuntime } from '#proxy/runtime';
import { checkSignature } from './jwks.ts';
import { decodeJwksConfig, type JwksConfig, JwksSource } from './jwks-source.ts';
import { hasAudience, type Jwt, parseJwt, timeFault } from './jwt.ts';
import { decodeLocations, type FoundToken, type TokenLocation } from './token-location.ts';

export interface ProviderConfig {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly subject: StringTest | undefined;
  readonly requireExpiration: boolean;
  /** 0: any. */
  readonly lifetimeSecondsMax: number;
  readonly skewSeconds: number;
  readonly jwks: JwksConfig;
  readonly locations: readonly TokenLocation[];
  readonly forward: boolean;
  readonly payloadHeader: string;
  readonly padPayloadHeader: boolean;
  readonly payloadInMetadata: string;
  readonly headerInMetadata: string;
  readonly spaceDelimitedClaims: readonly string[];
  readonly claimHeaders: readonly { readonly header: string; readonly path: readonly string[] }[];
  readonly clearRouteCache: boolean;
}

const skewSecondsDefault = 60;

export function decodeProvider(provider: JwtProvider, field: string, findings: Findings): ProviderConfig {
  return {
    issuer: provider.issuer,
    audiences: provider.audiences,
    subject: provider.subjects && decodeStringMatcher(provider.subjects, `${field}.subjects`, findings),
    requireExpiration: provider.requireExpiration,
    lifetimeSecondsMax: milliseconds(provider.maxLifetime, 0) / 1000,
    skewSeconds: provider.clockSkewSeconds || skewSecondsDefault,
    jwks: decodeJwksConfig(provider, field, findings),
    locations: decodeLocations(provider),
    forward: provider.forward,
    payloadHeader: provider.forwardPayloadHeader.toLowerCase(),
    padPayloadHeader: provider.padForwardPayloadHeader,
    payloadInMetadata: provider.payloadInMetadata,
    headerInMetadata: provider.headerInMetadata,
    spaceDelimitedClaims: provider.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    claimHeaders: provider.claimToHeaders.map(({ headerName, claimName }) => ({
      header: headerName.toLowerCase(),
      path: claimName.split('.'),
    })),
    clearRouteCache: provider.clearRouteCache,
  };
}

/** Undefined: all is well. */
export type JwtFault = { readonly kind: 'missing' | 'issuer' | 'audience' | 'other'; readonly message: string } | undefined;

const missing: JwtFault = { kind: 'missing', message: 'Jwt is missing' };
const otherIssuer: JwtFault = { kind: 'issuer', message: 'Jwt issuer is not configured' };
const otherAudience: JwtFault = { kind: 'audience', message: 'Audiences in Jwt are not allowed' };
const fault = (message: string): JwtFault => ({ kind: 'other', message });

export class Provider {
  readonly source: JwksSource;

  constructor(
    readonly config: ProviderConfig,
    private readonly runtime: ProxyRuntime,
  ) {
    this.source = new JwksSource(config.jwks, runtime);
  }

  /** The request has tokens where this provider's are. */
  isAsked(stream: HttpStream): boolean {
    return this.config.locations.some((location) => location(stream.request) !== undefined);
  }

  /** Upstreams must not take from clients what they are told by us. */
  sanitize({ request }: HttpStream): void {
    const { payloadHeader, claimHeaders } = this.config;
    if (payloadHeader !== '') request.remove(payloadHeader);
    for (const { header } of claimHeaders) request.remove(header);
  }

  /** Checks every token in this provider's places: one that is bad spoils the others. `audiences`: in place of its own. */
  verify(stream: HttpStream, audiences?: readonly string[]): JwtFault {
    const { config } = this;
    const tokens = config.locations.flatMap((location) => location(stream.request) ?? []);
    if (tokens.length === 0) return missing;
    for (const found of tokens) {
      const jwt = parseJwt(found.token);
      if (typeof jwt === 'string') return fault(jwt);
      const wrong = this.check(jwt, audiences ?? config.audiences);
      if (wrong !== undefined) return wrong;
      this.accept(stream, jwt, found);
    }
    return undefined;
  }

  private check(jwt: Jwt, audiences: readonly string[]): JwtFault {
    const { issuer, subject, skewSeconds, requireExpiration, lifetimeSecondsMax } = this.config;
    const { iss, sub, exp, iat, nbf } = jwt.claims;
    if (issuer !== '' && iss !== issuer) return otherIssuer;
    if (subject !== undefined && !(typeof sub === 'string' && subject(sub))) return fault('Jwt subject is not allowed');
    if (requireExpiration && typeof exp !== 'number') return fault('Jwt must have an expiration');
    const nowSeconds = this.runtime.clock.wallMs() / 1000;
    const late = timeFault(jwt, nowSeconds, skewSeconds);
    if (late !== undefined) return fault(late);
    if (lifetimeSecondsMax > 0) {
      const begin = typeof iat === 'number' ? iat : typeof nbf === 'number' ? nbf : nowSeconds;
      if (typeof exp !== 'number' || exp - begin > lifetimeSecondsMax) return fault('Jwt lifetime is longer than allowed');
    }
    if (!hasAudience(jwt, audiences)) return otherAudience;
    const { jwks } = this.source;
    if (jwks === undefined) return fault('Jwks remote fetch is failed');
    const signature = checkSignature(jwks, jwt);
    if (signature === 'no-key') return fault("Jwks doesn't have key to match kid or alg from Jwt");
    return signature === 'good' ? undefined : fault('Jwt verification fails');
  }

  private accept(stream: HttpStream, jwt: Jwt, found: FoundToken): void {
    const { config } = this;
    const { request } = stream;
    if (!config.forward) found.remove(request);
    if (config.payloadHeader !== '') {
      const encoded = jwt.payload.toString('base64url');
      const padding = config.padPayloadHeader ? '='.repeat((4 - (encoded.length % 4)) % 4) : '';
      request.set(config.payloadHeader, encoded + padding);
    }
    for (const { header, path } of config.claimHeaders) {
      const value = headerOfClaim(claimAt(jwt.claims, path));
      if (value !== undefined) request.append(header, value);
    }
    const metadata = {
      ...(config.payloadInMetadata !== '' && { [config.payloadInMetadata]: this.normalized(jwt.claims) }),
      ...(config.headerInMetadata !== '' && { [config.headerInMetadata]: jwt.header }),
    };
    stream.setMetadata('envoy.filters.http.jwt_authn', metadata);
    if (config.clearRouteCache) stream.chooseRouteAgain();
  }

  private normalized(claims: Jwt['claims']): Jwt['claims'] {
    const lists = this.config.spaceDelimitedClaims.flatMap((name) => {
      const value = claims[name];
      return typeof value === 'string' ? [[name, value.split(' ').filter(Boolean)] as const] : [];
    });
    return lists.length === 0 ? claims : { ...claims, ...Object.fromEntries(lists) };
  }
}

function claimAt(claims: unknown, path: readonly string[]): unknown {
  let value = claims;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** What does not fit into a header as it is goes as JSON, encoded. */
function headerOfClaim(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') return Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = String(value);
  return /^[\x20-\x7e]*$/.test(text) ? text : undefined;
}
