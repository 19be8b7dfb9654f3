// EnvoyFilter's patches of clusters.

import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { parseOutboundClusterName } from '../cluster-name.ts';
import { type Context, inContext, type Match, type Patch } from './patch.ts';
import { Patchable, patchList } from './patch-list.ts';

/** The bytes of the cluster with the patches that are about it; undefined: it is removed; the same where nothing matched. */
export function patchCluster(
  name: string,
  bytes: Buffer,
  patches: readonly Patch[],
  gateway: boolean,
  json: CanonicalJson,
): Uint8Array | undefined {
  const context: Context = gateway ? 'GATEWAY' : /^inbound\||^Inbound/.test(name) ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
  const mine = patches.filter(
    (patch) => patch.applyTo === 'CLUSTER' && patch.operation !== 'ADD' && inContext(patch, context) && isMeant(name, patch.match.cluster),
  );
  if (mine.length === 0) return bytes;
  const kind = new Patchable(json, 'envoy.config.cluster.v3.Cluster', Cluster);
  const [cluster] = patchList([Cluster.decode(bytes)], mine, { kind, matcher: () => undefined });
  return cluster && Cluster.encode(cluster).finish();
}

function isMeant(name: string, match: Match['cluster']): boolean {
  if (match?.name) return match.name === name;
  const { service, subset, portNumber } = match ?? {};
  if (!service && !subset && !portNumber) return true;
  const inboundPort = /^inbound\|(\d+)\|/.exec(name)?.[1];
  const parsed = parseOutboundClusterName(name);
  if (service && parsed?.host !== service) return false;
  if (subset && parsed?.subset !== subset) return false;
  return !portNumber || (parsed?.port ?? Number(inboundPort)) === portNumber;
}
