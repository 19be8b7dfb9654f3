// The library that knows X.509, loaded when it is first needed: most processes never do.
import { randomBytes, webcrypto } from 'node:crypto';

export type CryptoKey = webcrypto.CryptoKey;
type CryptoKeyPair = webcrypto.CryptoKeyPair;

/** Of every key here. */
export const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export async function x509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  const library = await import('@peculiar/x509');
  library.cryptoProvider.set(webcrypto);
  return library;
}

export async function newKeyPair(): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
}

/** PKCS #8 in PEM. */
export async function exportKeyPem(key: CryptoKey): Promise<string> {
  const { PemConverter } = await x509();
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Of a certificate: positive, and never the same. */
export function newSerial(): string {
  return `00${randomBytes(16).toString('hex')}`;
}
