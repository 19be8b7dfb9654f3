// MeshConfig's `serviceSettings`: hosts whose clients find the endpoints of their own cluster alone. Pure.
import { compareSpecificity, hostCovers } from './hostname.ts';
import type { MeshConfig } from './mesh-config.ts';

/** Istio's own: what belongs to a cluster as such. */
const always = (suffix: string): readonly (readonly [host: string, isLocal: boolean])[] => [
  [`*.kube-system.svc.${suffix}`, true],
  [`kubernetes.default.svc.${suffix}`, true],
];

/** The most specific host that covers this one decides. */
export function isClusterLocal({ clusterLocal, domainSuffix }: Pick<MeshConfig, 'clusterLocal' | 'domainSuffix'>, host: string): boolean {
  const settings = new Map([...always(domainSuffix), ...clusterLocal]);
  const [decisive] = [...settings].filter(([name]) => hostCovers(name, host)).sort(([a], [b]) => compareSpecificity(a, b));
  return decisive?.[1] ?? false;
}
