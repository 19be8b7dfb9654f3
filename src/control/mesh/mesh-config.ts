// What holds for the whole mesh: the part of Istio's MeshConfig that Lateen reads, with Istio's defaults.

export interface MeshConfig {
  /** Of Kubernetes' DNS: services are `name.namespace.svc.<suffix>`. */
  domainSuffix: string;
  clusterId: string;
  /** Whose resources apply to every namespace. */
  rootNamespace: string;
  /** Empty: no access log. */
  accessLogFile: string;
  outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  connectTimeoutMs: number;
}

export const defaultMeshConfig: MeshConfig = {
  domainSuffix: 'cluster.local',
  clusterId: 'Kubernetes',
  rootNamespace: 'istio-system',
  accessLogFile: '/dev/stdout',
  outboundTrafficPolicy: 'ALLOW_ANY',
  connectTimeoutMs: 10_000,
};
