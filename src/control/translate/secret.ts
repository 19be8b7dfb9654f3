// Secrets for gateways, by the names that Istio's gateways ask for: `kubernetes://NAME` is a certificate with its key,
// `kubernetes://NAME-cacert` the authority for client certificates. A gateway gets those of its own namespace, a sidecar of them what a
// DestinationRule for its very labels names; all proxies of the mesh are told of its roots.
import { Secret } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/secret';
import type { MeshSecret } from '#control/mesh/secret';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import type { ProxyView } from '#control/view/proxy-view';
import { authoritySecretNames } from '#identity/authority-secret';
import { meshRoots } from '#identity/secret-names';
import { typeUrl } from '#xds/resource-type';
import { bytesOf } from './message.ts';
import type { Recipe } from './resource-cache.ts';

const scheme = 'kubernetes://';
const authoritySuffix = '-cacert';

export function certificateSecretName(credentialName: string): string {
  return credentialName.startsWith(scheme) ? credentialName : scheme + credentialName;
}

export function authoritySecretName(credentialName: string): string {
  const name = certificateSecretName(credentialName);
  return name.endsWith(authoritySuffix) ? name : name + authoritySuffix;
}

interface SecretInput {
  name: string;
  secret: MeshSecret;
  /** Of the two things that a Secret may hold. */
  part: 'certificate' | 'authority';
}

export const secretRecipe: Recipe<SecretInput> = {
  type: typeUrl.secret,
  name: ({ name }) => name,
  key: ({ name, secret, part }) => `${name} ${secret.stamp} ${part}`,
  build: ({ name, secret, part }) => bytesOf(Secret, { name, type: part === 'certificate' ? certificate(secret) : authority(secret) }),
};

/** Undefined where there is no such Secret, or not for this proxy. */
export function secretInput({ proxy, snapshot, scope }: ProxyView, name: string): SecretInput | undefined {
  if (name === meshRoots) return proxy.certified ? rootsInput(snapshot) : undefined;
  if (!name.startsWith(scheme)) return undefined;
  const named = [...scope.destinationRules.credentials].flatMap((each) => [certificateSecretName(each), authoritySecretName(each)]);
  if (proxy.type !== 'router' && !named.includes(name)) return undefined;
  const secretOf = (wanted: string) => snapshot.secrets.get(`${proxy.namespace}/${wanted}`);
  const wanted = name.slice(scheme.length);
  if (wanted.endsWith(authoritySuffix)) {
    // One Secret of that very name, or the certificate's own.
    for (const secret of [secretOf(wanted), secretOf(wanted.slice(0, -authoritySuffix.length))]) {
      if (secret?.ca) return { name, secret, part: 'authority' };
    }
  }
  const secret = secretOf(wanted);
  return secret?.certificate && secret.key ? { name, secret, part: 'certificate' } : undefined;
}

/** Whom the mesh trusts: proxies have their own from the authority, and hear by it that it is another now. */
function rootsInput({ secrets, config }: MeshSnapshot): SecretInput | undefined {
  const found = authoritySecretNames.map((name) => secrets.get(`${config.rootNamespace}/${name}`)).find((secret) => secret?.ca);
  return found && { name: meshRoots, secret: found, part: 'authority' };
}

const inline = (bytes: Buffer) => ({ specifier: { $case: 'inlineBytes', value: bytes } as const });

function certificate({ certificate: chain, key, ocspStaple }: MeshSecret) {
  const value = {
    certificateChain: inline(chain!),
    privateKey: inline(key!),
    ...(ocspStaple && { ocspStaple: inline(ocspStaple) }),
  };
  return { $case: 'tlsCertificate', value } as const;
}

function authority({ ca, crl }: MeshSecret) {
  return { $case: 'validationContext', value: { trustedCa: inline(ca!), ...(crl && { crl: inline(crl) }) } } as const;
}
