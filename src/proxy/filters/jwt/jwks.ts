// A set of public keys (RFC 7517), and whether one of them signed a token (RFC 7515, RFC 7518).
import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type { Jwt } from './jwt.ts';

interface Key {
  /** Empty: a token need not name it. */
  readonly id: string;
  /** Empty: every algorithm of its type. */
  readonly algorithm: string;
  readonly type: string;
  readonly key: KeyObject;
}

export type Jwks = readonly Key[];

/** Keys that cannot be read are left out, as Envoy leaves them out; a set without any is undefined. */
export function parseJwks(text: string): Jwks | undefined {
  let keys: unknown;
  try {
    keys = (JSON.parse(text) as { keys?: unknown }).keys;
  } catch {
    return undefined;
  }
  if (!Array.isArray(keys)) return undefined;
  const read = keys.flatMap((jwk: JsonWebKey & { kid?: unknown; alg?: unknown }) => readKey(jwk) ?? []);
  return read.length === 0 ? undefined : read;
}

function readKey(jwk: JsonWebKey & { kid?: unknown; alg?: unknown }): Key | undefined {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  try {
    const secret = jwk.kty === 'oct';
    const key = secret ? createSecretKey(Buffer.from(text(jwk.k), 'base64url')) : createPublicKey({ key: jwk, format: 'jwk' });
    return { id: text(jwk.kid), algorithm: text(jwk.alg), type: text(jwk.kty), key };
  } catch {
    return undefined;
  }
}

export type Signature = 'good' | 'bad' | 'no-key';

export function checkSignature(jwks: Jwks, jwt: Jwt): Signature {
  const { kid, alg } = jwt.header;
  const algorithm = algorithms[alg];
  if (algorithm === undefined) return 'no-key';
  const fitting = jwks.filter(
    (key) =>
      key.type === algorithm.type && (key.algorithm === '' || key.algorithm === alg) && (kid === '' || key.id === '' || key.id === kid),
  );
  if (fitting.length === 0) return 'no-key';
  return fitting.some(({ key }) => algorithm.check(key, jwt.signed, jwt.signature)) ? 'good' : 'bad';
}

interface Algorithm {
  /** `kty` */
  readonly type: string;
  check(key: KeyObject, signed: Buffer, signature: Buffer): boolean;
}

const hashes = [256, 384, 512];

const curves: Readonly<Record<number, string>> = { 256: 'prime256v1', 384: 'secp384r1', 512: 'secp521r1' };

const algorithms: Readonly<Record<string, Algorithm | undefined>> = {
  ...Object.fromEntries(hashes.map((bits) => [`RS${bits}`, rsa(bits)])),
  ...Object.fromEntries(hashes.map((bits) => [`PS${bits}`, rsaPss(bits)])),
  ...Object.fromEntries(hashes.map((bits) => [`ES${bits}`, ecdsa(bits)])),
  ...Object.fromEntries(hashes.map((bits) => [`HS${bits}`, hmac(bits)])),
  EdDSA: { type: 'OKP', check: (key, signed, signature) => verify(null, signed, key, signature) },
};

function rsa(bits: number): Algorithm {
  return { type: 'RSA', check: (key, signed, signature) => verify(`sha${bits}`, signed, key, signature) };
}

function rsaPss(bits: number): Algorithm {
  const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return { type: 'RSA', check: (key, signed, signature) => verify(`sha${bits}`, signed, { key, ...options }, signature) };
}

function ecdsa(bits: number): Algorithm {
  return {
    type: 'EC',
    check: (key, signed, signature) =>
      key.asymmetricKeyDetails?.namedCurve === curves[bits] && verify(`sha${bits}`, signed, { key, dsaEncoding: 'ieee-p1363' }, signature),
  };
}

function hmac(bits: number): Algorithm {
  return {
    type: 'oct',
    check(key, signed, signature) {
      const expected = createHmac(`sha${bits}`, key).update(signed).digest();
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    },
  };
}
