// Signatures for scripts: keys and signatures come from Lua in hex, since its texts are bytes and ours are not. Pure.
import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** By the names that Envoy's `verifySignature` takes, in lower case. */
const hashes = new Set(['sha1', 'sha224', 'sha256', 'sha384', 'sha512']);

/** `hex`: of a key in DER (SubjectPublicKeyInfo). Undefined: it is none. */
export function publicKey(hex: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(hex, 'hex'), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** Undefined: the signature is the key's, of that data; else why not, in words. */
export function signatureFault(hash: string, keyHex: string, signatureHex: string, dataHex: string): string | undefined {
  const name = hash.toLowerCase();
  if (!hashes.has(name)) return `${hash} is not supported`;
  const key = publicKey(keyHex);
  if (key === undefined) return 'the public key is none';
  return verify(name, Buffer.from(dataHex, 'hex'), key, Buffer.from(signatureHex, 'hex')) ? undefined : 'Failed to verify digest.';
}
