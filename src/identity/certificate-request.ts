// A workload's own part of getting a certificate: a key pair that never leaves its process, and the request for its public half.
import { exportKeyPem, newKeyPair, signingAlgorithm, x509 } from './x509.ts';

export interface CertificateRequest {
  /** PEM of a PKCS #10 request. */
  readonly request: string;
  /** PEM of the private key, PKCS #8. */
  readonly key: string;
}

/** `identity`: a SPIFFE id, asked for as the certificate's only name. */
export async function requestCertificate(identity: string): Promise<CertificateRequest> {
  const { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } = await x509();
  const keys = await newKeyPair();
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'url', value: identity }], true)],
  });
  return { request: request.toString('pem'), key: await exportKeyPem(keys.privateKey) };
}
