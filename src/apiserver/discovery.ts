// What Kubernetes' clients ask first: which groups, versions and resources there are, in the classic form and in the aggregated one. Pure.
import type { Kind } from '#api/kind';
import { reviewKinds } from './access-review.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const partVerbs = ['get', 'patch', 'update'];

/** Shown by `kubectl get all`. */
const inAll = ['Pod', 'Service', 'Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'HorizontalPodAutoscaler'];
export const scalable = ['Deployment', 'ReplicaSet', 'StatefulSet'];

interface Resource {
  name: string;
  kind: string;
  verbs: readonly string[];
  /** Of the kind, where that is another group's. */
  of?: { group: string; version: string };
}

interface Served {
  kind: Kind;
  resource: Resource;
  parts: readonly Resource[];
}

function served(kind: Kind): Served {
  const status = { name: 'status', kind: kind.kind, verbs: partVerbs };
  const scale = { name: 'scale', kind: 'Scale', verbs: partVerbs, of: { group: 'autoscaling', version: 'v1' } };
  const ofPod = [
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
    { name: 'proxy', kind: 'PodProxyOptions', verbs: ['create', 'get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
    { name: 'eviction', kind: 'Eviction', verbs: ['create'], of: { group: 'policy', version: 'v1' } },
  ];
  const token = { name: 'token', kind: 'TokenRequest', verbs: ['create'], of: { group: 'authentication.k8s.io', version: 'v1' } };
  const own = kind.kind === 'Pod' ? ofPod : kind.kind === 'ServiceAccount' ? [token] : [];
  const isReview = reviewKinds.includes(kind);
  return {
    kind,
    resource: { name: kind.plural, kind: kind.kind, verbs: isReview ? ['create'] : verbs },
    parts: isReview ? [] : [status, ...(scalable.includes(kind.kind) ? [scale] : []), ...own],
  };
}

/** Of what an API server serves at this moment. */
export class Discovery {
  private readonly kinds: readonly Kind[];

  constructor(kinds: readonly Kind[]) {
    this.kinds = [...kinds, ...reviewKinds];
  }

  /** `/api` */
  coreVersions(): object {
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  }

  /** `/apis` */
  groupList(): object {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.groupNames().map((name) => this.groupOf(name)) };
  }

  /** `/apis/<group>` */
  group(name: string): object | undefined {
    return this.groupNames().includes(name) ? { kind: 'APIGroup', apiVersion: 'v1', ...this.groupOf(name) } : undefined;
  }

  /** `/api/v1`, `/apis/<group>/<version>` */
  resourceList(group: string, version: string): object | undefined {
    const found = this.servedIn(group, version);
    if (found.length === 0) return undefined;
    const resources = found.flatMap(({ kind, resource, parts }) => [
      { ...resource, singularName: kind.singular, namespaced: kind.namespaced, shortNames: kind.shortNames, ...categoriesOf(kind) },
      ...parts.map(({ of, ...part }) => ({
        ...part,
        name: `${kind.plural}/${part.name}`,
        singularName: '',
        namespaced: kind.namespaced,
        ...of,
      })),
    ]);
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: group === '' ? version : `${group}/${version}`, resources };
  }

  /** Everything in one answer: `/api` and `/apis` to those who accept APIGroupDiscoveryList. */
  aggregated(core: boolean, apiVersion: string): object {
    const names = core ? [''] : this.groupNames();
    const items = names.map((name) => ({
      metadata: { name },
      versions: this.versionsOf(name).map((version) => ({
        version,
        freshness: 'Current',
        resources: this.servedIn(name, version).map((each) => aggregatedResource(each, version)),
      })),
    }));
    return { kind: 'APIGroupDiscoveryList', apiVersion, metadata: {}, items };
  }

  private groupNames(): string[] {
    return [...new Set(this.kinds.map(({ group }) => group))].filter((group) => group !== '');
  }

  private versionsOf(group: string): string[] {
    return [...new Set(this.kinds.filter((kind) => kind.group === group).flatMap(({ versions }) => versions))];
  }

  private servedIn(group: string, version: string): Served[] {
    return this.kinds.filter((kind) => kind.group === group && kind.versions.includes(version)).map(served);
  }

  private groupOf(name: string): { name: string; versions: object[]; preferredVersion: object | undefined } {
    const versions = this.versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
    return { name, versions, preferredVersion: versions[0] };
  }
}

function aggregatedResource({ kind, resource, parts }: Served, version: string): object {
  const responseKind = (part: Resource) => ({ group: part.of?.group ?? kind.group, version: part.of?.version ?? version, kind: part.kind });
  return {
    resource: kind.plural,
    responseKind: responseKind(resource),
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: resource.verbs,
    shortNames: kind.shortNames,
    ...categoriesOf(kind),
    subresources: parts.map((part) => ({ subresource: part.name, responseKind: responseKind(part), verbs: part.verbs })),
  };
}

function categoriesOf({ kind, group }: Kind): { categories?: string[] } {
  if (inAll.includes(kind)) return { categories: ['all'] };
  return group.endsWith('.istio.io') ? { categories: ['istio-io'] } : {};
}
