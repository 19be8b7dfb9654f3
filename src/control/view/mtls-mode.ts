// Whether a workload takes mutual TLS, plain text or both at a port: what PeerAuthentications come down to, by Istio's precedence.
import { selects } from '#control/mesh/service';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import { compareAge, type MeshPeerAuthentication } from '#control/mesh/traffic-resource';

export type MtlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/**
 * `policies`: those that select the workload, the oldest first. The workload's own goes before its namespace's, and that before the
 * mesh's; UNSET is as the next says. Ports have settings of their own in the workload's own policy alone.
 */
export function mtlsMode(policies: readonly MeshPeerAuthentication[], rootNamespace: string, port: number): MtlsMode {
  const own = policies.find(selective);
  const broad = policies.filter((policy) => !selective(policy));
  const ofNamespace = broad.find(({ namespace }) => namespace !== rootNamespace);
  const ofMesh = broad.find(({ namespace }) => namespace === rootNamespace);
  const modes = [
    own?.object.spec?.portLevelMtls?.[port]?.mode,
    ...[own, ofNamespace, ofMesh].map((policy) => policy?.object.spec?.mtls?.mode),
  ];
  return modes.find((mode) => mode !== undefined && mode !== 'UNSET') ?? 'PERMISSIVE';
}

/** What clients ask: who takes no mutual TLS, so that they do not speak it to him. */
export interface PlainWorkloads {
  /** Of everything that the answers come from; empty: there are none. */
  readonly key: string;
  has(namespace: string, labels: Readonly<Record<string, string>>, port: number): boolean;
}

const none: PlainWorkloads = { key: '', has: () => false };

const bySnapshot = new WeakMap<MeshSnapshot, PlainWorkloads>();

export function plainWorkloads(snapshot: MeshSnapshot): PlainWorkloads {
  if (snapshot.peerAuthentications.size === 0) return none;
  let known = bySnapshot.get(snapshot);
  if (!known) bySnapshot.set(snapshot, (known = readPlainWorkloads(snapshot)));
  return known;
}

function readPlainWorkloads({ peerAuthentications, config: { rootNamespace } }: MeshSnapshot): PlainWorkloads {
  const all = [...peerAuthentications.values()].sort(compareAge);
  if (!all.some(disables)) return none;
  return {
    key: all.map(({ stamp }) => stamp).join(','),
    has: (namespace, labels, port) => {
      const policies = all.filter((policy) => {
        return (policy.namespace === namespace || policy.namespace === rootNamespace) && selects(labelsOf(policy), labels);
      });
      return mtlsMode(policies, rootNamespace, port) === 'DISABLE';
    },
  };
}

function labelsOf({ object }: MeshPeerAuthentication): Readonly<Record<string, string>> {
  return object.spec?.selector?.matchLabels ?? {};
}

function selective(policy: MeshPeerAuthentication): boolean {
  return Object.keys(labelsOf(policy)).length > 0;
}

function disables({ object: { spec } }: MeshPeerAuthentication): boolean {
  return [spec?.mtls, ...Object.values(spec?.portLevelMtls ?? {})].some((mtls) => mtls?.mode === 'DISABLE');
}
