// Certificates for tests, made on the spot: an authority, and what it signs.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface IssuedCertificate {
  /** PEM. */
  certificate: string;
  key: string;
}

export interface CertificateRequest {
  commonName: string;
  dnsNames?: readonly string[];
  uriNames?: readonly string[];
  notAfter?: Date;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 86_400_000;

export class TestAuthority {
  private serial = 1;

  private constructor(
    /** PEM. */
    readonly certificate: string,
    private readonly keys: webcrypto.CryptoKeyPair,
    private readonly name: string,
  ) {}

  static async create(name = 'test authority'): Promise<TestAuthority> {
    x509.cryptoProvider.set(webcrypto);
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const own = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      ...validity(),
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    return new TestAuthority(own.toString('pem'), keys, name);
  }

  async issue({ commonName, dnsNames = [], uriNames = [], notAfter }: CertificateRequest): Promise<IssuedCertificate> {
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const names = [
      ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
      ...uriNames.map((value) => ({ type: 'url' as const, value })),
    ];
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: (++this.serial).toString(16).padStart(2, '0'),
      subject: `CN=${commonName}`,
      issuer: `CN=${this.name}`,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: algorithm,
      ...validity(notAfter),
      extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
    });
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const pem = x509.PemConverter.encode(key, 'PRIVATE KEY');
    return { certificate: issued.toString('pem'), key: pem };
  }
}

function validity(notAfter = new Date(Date.now() + day)): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Math.min(Date.now(), notAfter.getTime()) - day), notAfter };
}

/** An authority that an operator brings, with a key of the given kind. */
export async function operatorAuthority(
  signingAlgorithm: webcrypto.RsaHashedKeyGenParams | (webcrypto.EcKeyGenParams & { hash: string }),
): Promise<IssuedCertificate> {
  x509.cryptoProvider.set(webcrypto);
  const keys = (await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=operator',
    keys,
    signingAlgorithm,
    ...validity(),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: own.toString('pem'), key };
}
