// Where the authority's key and certificates are kept: the Secrets that Istio keeps them in, so that either finds the other's.
import { createHash } from 'node:crypto';
import { isPlainObject } from '#api/json';
import type { Secret } from '#api/kinds/secret';
import type { AuthorityMaterial } from './certificate-authority.ts';

/** What the operator plugged in goes before what was made here. */
export const authoritySecretNames = ['cacerts', 'istio-ca-secret'] as const;

/** Undefined: the Secret does not hold an authority. */
export function authorityOf(secret: Secret): AuthorityMaterial | undefined {
  const { data } = secret;
  if (!isPlainObject(data)) return undefined;
  const text = (name: string) => (typeof data[name] === 'string' ? Buffer.from(data[name], 'base64').toString('utf8') : '');
  const certificate = text('ca-cert.pem');
  const key = text('ca-key.pem');
  if (certificate === '' || key === '') return undefined;
  return { certificate, key, chain: text('cert-chain.pem'), roots: certificatesIn(text('root-cert.pem')) || certificate };
}

/** Each on lines of its own, as readers of PEM want them: files are put together without. */
function certificatesIn(pem: string): string {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).join('\n');
}

export function secretOf({ certificate, key, chain, roots }: AuthorityMaterial, namespace: string): Secret {
  const data = { 'ca-cert.pem': certificate, 'ca-key.pem': key, 'cert-chain.pem': chain, 'root-cert.pem': roots };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'istio-ca-secret', namespace },
    type: 'istio.io/ca-root',
    data: Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

/**
 * Whom the mesh trusts, in PEM, with a line before it that changes with what signs: who has it by heart hears of either. Undefined: the
 * Secret does not hold an authority. Nothing of the key is in it.
 */
export function announcedRoots(secret: Secret): string | undefined {
  const authority = authorityOf(secret);
  if (authority === undefined) return undefined;
  const signer = createHash('sha256').update(authority.certificate).digest('hex');
  return `# signed by ${signer}\n${authority.roots}`;
}
