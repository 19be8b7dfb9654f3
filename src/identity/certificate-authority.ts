// The mesh's certificate authority: signs workloads' requests with a key of its own, or with one that the operator plugged in.
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import type { X509Certificate as Certificate } from '@peculiar/x509';
import type { Clock } from '#foundation/clock';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { type CryptoKey, exportKeyPem, newKeyPair, newSerial, signingAlgorithm, x509 } from './x509.ts';

/** All in PEM. */
export interface AuthorityMaterial {
  /** What signs; `key` belongs to it. */
  readonly certificate: string;
  readonly key: string;
  /** From the signing certificate up to, and without, the root; empty where the root signs itself. */
  readonly chain: string;
  /** Who is trusted: more than one while roots are rotated. */
  readonly roots: string;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Istio's defaults. */
const rootValidMs = 3_650 * dayMs;
const leafValidMs = dayMs;
const leafValidMsMax = 90 * dayMs;
/** For clocks that differ. */
const backdateMs = 2 * 60_000;

/** A root that signs for itself, good for ten years. */
export async function newAuthority(clock: Clock, trustDomain: string): Promise<AuthorityMaterial> {
  const { X509CertificateGenerator, BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags } = await x509();
  const keys = await newKeyPair();
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `O=${trustDomain}`,
    keys,
    signingAlgorithm,
    ...validity(clock, rootValidMs),
    extensions: [new BasicConstraintsExtension(true, undefined, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  const certificate = root.toString('pem');
  return { certificate, key: await exportKeyPem(keys.privateKey), chain: '', roots: certificate };
}

export class CertificateAuthority {
  private constructor(
    private readonly material: AuthorityMaterial,
    private readonly certificate: Certificate,
    private readonly key: CryptoKey,
    private readonly clock: Clock,
  ) {}

  /** Throws MeshError AUTHORITY_INVALID where the parts do not belong together, or the certificate is no authority's. */
  static async load(material: AuthorityMaterial, clock: Clock): Promise<CertificateAuthority> {
    const { X509Certificate: Parsed } = await x509();
    try {
      const signer = new X509Certificate(material.certificate);
      const key = createPrivateKey(material.key);
      if (!signer.ca) throw new Error('its certificate may not sign others');
      if (!signer.checkPrivateKey(key)) throw new Error('its key is not that of its certificate');
      const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
      const imported = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithmOf(key), false, ['sign']);
      return new CertificateAuthority(material, new Parsed(material.certificate), imported, clock);
    } catch (thrown) {
      throw new MeshError('AUTHORITY_INVALID', `the mesh's certificate authority cannot be used: ${messageOf(thrown)}`, {
        hint: 'see the Secret istio-system/cacerts, or delete istio-system/istio-ca-secret to have a new one made',
      });
    }
  }

  /**
   * Signs `request` (PEM) for `identity`, whatever the request itself asks to be called: who asks has been made sure of, what he
   * writes has not. `validMs`: as long as he likes, within the bounds; 0: a day. Resolves to the chain in PEM, the leaf first, the
   * root last. Throws MeshError REQUEST_INVALID.
   */
  async sign(request: string, identity: string, validMs = 0): Promise<string[]> {
    const library = await x509();
    let parsed: InstanceType<typeof library.Pkcs10CertificateRequest>;
    try {
      parsed = new library.Pkcs10CertificateRequest(request);
    } catch {
      throw new MeshError('REQUEST_INVALID', 'the certificate request cannot be read: it must be PKCS #10 in PEM');
    }
    if (!(await parsed.verify())) throw new MeshError('REQUEST_INVALID', 'the certificate request is not signed with its own key');
    const lasting = Math.min(
      validMs > 0 ? validMs : leafValidMs,
      leafValidMsMax,
      this.certificate.notAfter.getTime() - this.clock.wallMs(),
    );
    const leaf = await library.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      issuer: this.certificate.subject,
      publicKey: parsed.publicKey,
      signingKey: this.key,
      signingAlgorithm: this.key.algorithm.name === 'ECDSA' ? signingAlgorithm : rsaAlgorithm,
      ...validity(this.clock, lasting),
      extensions: [
        new library.KeyUsagesExtension(library.KeyUsageFlags.digitalSignature | library.KeyUsageFlags.keyEncipherment, true),
        new library.ExtendedKeyUsageExtension([library.ExtendedKeyUsage.serverAuth, library.ExtendedKeyUsage.clientAuth]),
        new library.BasicConstraintsExtension(false, undefined, true),
        new library.SubjectAlternativeNameExtension([{ type: 'url', value: identity }], true),
      ],
    });
    return [leaf.toString('pem'), this.material.chain, this.material.roots].filter((pem) => pem !== '');
  }
}

/** Operators plug in RSA keys as well. */
const rsaAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384' };

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): {
  name: string;
  hash: string;
  namedCurve?: string;
} {
  const namedCurve = curves[details?.namedCurve ?? ''];
  if (type === 'rsa') return rsaAlgorithm;
  if (type === 'ec' && namedCurve) return { ...signingAlgorithm, namedCurve };
  throw new Error(
    `its key (${[type, details?.namedCurve].filter(Boolean).join(', ')}) is not supported: RSA, ECDSA on P-256 and P-384 are`,
  );
}

function validity(clock: Clock, lastingMs: number): { notBefore: Date; notAfter: Date } {
  const now = clock.wallMs();
  return { notBefore: new Date(now - backdateMs), notAfter: new Date(now + lastingMs) };
}
