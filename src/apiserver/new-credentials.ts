// Makes credentials: two key pairs, an authority's certificate and one that it signs, and a random token for each role.
import { randomBytes } from 'node:crypto';
import type { Clock } from '#foundation/clock';
import { exportKeyPem, x509 as loadX509, newKeyPair, newSerial, signingAlgorithm } from '#identity/x509';
import type { Credentials } from './credentials.ts';
import { type Role, roles } from './user.ts';

const dayMs = 86_400_000;
const validDays = 3650;

/** Good for ten years. `addresses`: of the API server. */
export async function makeCredentials(clock: Clock, addresses: readonly string[] = ['127.0.0.1']): Promise<Credentials> {
  const x509 = await loadX509();
  const validity = { notBefore: new Date(clock.wallMs() - dayMs), notAfter: new Date(clock.wallMs() + validDays * dayMs) };
  const authorityKeys = await newKeyPair();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: 'CN=lateen API authority',
    keys: authorityKeys,
    signingAlgorithm,
    ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)],
  });
  const keys = await newKeyPair();
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=lateen API server',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm,
    ...validity,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  return {
    authority: authority.toString('pem'),
    certificate: certificate.toString('pem'),
    key: await exportKeyPem(keys.privateKey),
    tokens: Object.fromEntries(roles.map((role) => [role, randomBytes(32).toString('base64url')])) as Record<Role, string>,
  };
}
