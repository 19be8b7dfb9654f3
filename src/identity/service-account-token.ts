// Tokens that say which service account a proxy or a program runs as: JWTs of the host that started it, good for minutes, each for whom it
// is to be shown to. Signed and verified by ES256 (RFC 7518); claims as Kubernetes' projected tokens have them.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { isPlainObject } from '#api/json';
import type { Clock } from '#foundation/clock';
import { MeshError } from '#foundation/mesh-error';

/** Whose service account. */
export interface ServiceAccountName {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Istio's, of the mesh's authority; Kubernetes', of its API. */
export const authorityAudience = 'istio-ca';
export const apiAudience = 'https://kubernetes.default.svc.cluster.local';
const subjectPrefix = 'system:serviceaccount:';
const validSecondsDefault = 600;
const header = encode({ alg: 'ES256', typ: 'JWT' });

export class TokenIssuer {
  private readonly key: KeyObject;
  /** SubjectPublicKeyInfo in base64url; whoever has it can verify and not issue. */
  readonly publicKey: string;

  constructor(private readonly clock: Clock) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.key = privateKey;
    this.publicKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64url');
  }

  issue({ namespace, serviceAccount }: ServiceAccountName, audience: string, validSeconds = validSecondsDefault): string {
    const now = Math.floor(this.clock.wallMs() / 1000);
    const claims = {
      iss: 'lateen',
      aud: [audience],
      sub: `${subjectPrefix}${namespace}:${serviceAccount}`,
      iat: now,
      exp: now + validSeconds,
    };
    const signed = `${header}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }

  /** Of a token that was issued here for that audience, and is still good. */
  accountOf(token: string, audience: string): ServiceAccountName | undefined {
    try {
      return new TokenVerifier(this.publicKey, this.clock, audience).verify(token);
    } catch {
      return undefined;
    }
  }
}

export class TokenVerifier {
  private readonly key: KeyObject;

  constructor(
    publicKey: string,
    private readonly clock: Clock,
    private readonly audience: string,
  ) {
    this.key = createPublicKey({ key: Buffer.from(publicKey, 'base64url'), type: 'spki', format: 'der' });
  }

  /** Throws MeshError UNAUTHENTICATED, which never holds the token. */
  verify(token: string): ServiceAccountName {
    const [head, payload, signature, ...more] = token.split('.');
    if (!head || !payload || !signature || more.length > 0 || head !== header) throw refusal('is no token of this mesh');
    const key = { key: this.key, dsaEncoding: 'ieee-p1363' } as const;
    const good = verify('sha256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'));
    if (!good) throw refusal('is signed by somebody else');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (!isPlainObject(claims) || !Array.isArray(claims['aud']) || !claims['aud'].includes(this.audience))
      throw refusal(`is not for ${this.audience}`);
    if (typeof claims['exp'] !== 'number' || claims['exp'] * 1000 <= this.clock.wallMs()) throw refusal('has expired');
    const [namespace, serviceAccount, ...rest] = String(claims['sub']).slice(subjectPrefix.length).split(':');
    if (!String(claims['sub']).startsWith(subjectPrefix) || !namespace || !serviceAccount || rest.length > 0) {
      throw refusal('names no service account');
    }
    return { namespace, serviceAccount };
  }
}

function refusal(what: string): MeshError {
  return new MeshError('UNAUTHENTICATED', `the token ${what}`);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
