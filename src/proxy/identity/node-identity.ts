// Whose certificate a proxy bears, by what it says of itself to the control plane. Pure.
import { formatSpiffeId } from '#identity/spiffe';

/** A SPIFFE id; what is not said has Istio's default. */
export function identityOf(metadata: Readonly<Record<string, unknown>>): string {
  const word = (name: string, otherwise: string) => (typeof metadata[name] === 'string' ? metadata[name] : otherwise);
  const [namespace, serviceAccount] = [word('NAMESPACE', 'default'), word('SERVICE_ACCOUNT', 'default')];
  return formatSpiffeId({ trustDomain: word('MESH_ID', 'cluster.local'), namespace, serviceAccount });
}
