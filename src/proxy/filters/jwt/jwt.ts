// A JSON Web Token in its compact form, taken apart but not yet believed: RFC 7519. Pure.

export interface Jwt {
  readonly header: { readonly alg: string; readonly kid: string };
  readonly claims: Readonly<Record<string, unknown>>;
  /** The claims as they came. */
  readonly payload: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** A string says what is wrong, in Envoy's words. */
export function parseJwt(token: string): Jwt | string {
  const parts = token.split('.');
  if (parts.length !== 3) return 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections';
  const [header = '', payload = '', signature = ''] = parts;
  const head = parseObject(header);
  if (head === undefined) return 'Jwt header is an invalid JSON';
  if (typeof head['alg'] !== 'string') return 'Jwt header [alg] field is required and must be a string';
  const claims = parseObject(payload);
  if (claims === undefined) return 'Jwt payload is an invalid JSON';
  return {
    header: { alg: head['alg'], kid: typeof head['kid'] === 'string' ? head['kid'] : '' },
    claims,
    payload: Buffer.from(payload, 'base64url'),
    signed: Buffer.from(`${header}.${payload}`, 'latin1'),
    signature: Buffer.from(signature, 'base64url'),
  };
}

function parseObject(encoded: string): Record<string, unknown> | undefined {
  if (!/^[\w-]+$/.test(encoded)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined: the token is of this time. `skewSeconds`: how far clocks may be apart. */
export function timeFault({ claims }: Jwt, nowSeconds: number, skewSeconds: number): string | undefined {
  const { exp, nbf } = claims;
  if (typeof nbf === 'number' && nowSeconds + skewSeconds < nbf) return 'Jwt not yet valid';
  if (typeof exp === 'number' && exp !== 0 && nowSeconds > exp + skewSeconds) return 'Jwt is expired';
  return undefined;
}

export function hasAudience({ claims }: Jwt, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const { aud } = claims;
  const given = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud : [];
  // A slash at the end makes no difference, nor does the scheme: Envoy's rule.
  const plain = (audience: unknown) =>
    String(audience)
      .replace(/^https?:\/\//, '')
      .replace(/\/$/, '');
  const all = new Set(wanted.map(plain));
  return given.some((audience) => all.has(plain(audience)));
}
