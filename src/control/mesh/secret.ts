// Secrets that hold what TLS needs, as gateways use them. The rest of a Secret is never looked at, and no value of one reaches a message.
import type { Secret } from '#api/kinds/secret';
import { announcedRoots } from '#identity/authority-secret';

export interface MeshSecret {
  readonly stamp: number;
  /** PEM, as the Secret holds it; undefined: not there. */
  readonly certificate: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly ca: Buffer | undefined;
  readonly crl: Buffer | undefined;
  readonly ocspStaple: Buffer | undefined;
}

/** Kubernetes' names, and those that Istio accepts beside them. */
const keys = {
  certificate: ['tls.crt', 'cert'],
  key: ['tls.key', 'key'],
  ca: ['ca.crt', 'cacert'],
  crl: ['ca.crl', 'crl'],
  ocspStaple: ['tls.ocsp-staple', 'ocsp-staple'],
} as const;

/** Of the mesh's authority, whom it trusts alone. Undefined for a Secret that has nothing to do with TLS. */
export function tlsSecret(secret: Secret): Omit<MeshSecret, 'stamp'> | undefined {
  const { data = {}, stringData = {} } = secret;
  const value = (names: readonly string[]): Buffer | undefined => {
    for (const name of names) {
      if (stringData[name] !== undefined) return Buffer.from(stringData[name]);
      if (data[name] !== undefined) return Buffer.from(data[name], 'base64');
    }
    return undefined;
  };
  const found = {
    certificate: value(keys.certificate),
    key: value(keys.key),
    ca: value(keys.ca),
    crl: value(keys.crl),
    ocspStaple: value(keys.ocspStaple),
  };
  if (found.certificate || found.ca) return found;
  const roots = announcedRoots(secret);
  return roots === undefined ? undefined : { ...found, ca: Buffer.from(roots) };
}
