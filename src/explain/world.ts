// A mesh as its files describe it, without a cluster: what controllers would add (Pods of Deployments, EndpointSlices of
// Services, the ingress gateway that an installation brings) is put in, so that a call can be followed to its endpoints. Pure.
import type { ApiObject } from '#api/kind';
import { keyOf } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { fold } from '#control/mesh/fold';
import { emptySnapshot, type MeshSnapshot } from '#control/mesh/snapshot';
import { planDeployment } from '#host/deployment-plan';
import { planEndpointSlice, selects } from '#host/endpoint-plan';
import { ingressGateway } from '#host/ingress-gateway';
import { planReplicaSet } from '#host/pod-plan';

export interface World {
  snapshot: MeshSnapshot;
  pods: readonly Pod[];
  services: readonly Service[];
  /** How EnvoyFilters are read; undefined: they have no effect. */
  json?: CanonicalJson;
}

/** What is there already is left as it is: Pods of a running mesh, an ingress gateway of one's own. */
export function buildWorld(objects: readonly ApiObject[], json?: CanonicalJson): World {
  const known = new Map(objects.map((object) => [idOf(object), object]));
  for (const object of ingressGateway(unpublished)) if (!known.has(idOf(object))) known.set(idOf(object), object);
  const all = [...known.values()];
  const pods = [...ofKind<Pod>(all, 'Pod'), ...imaginedPods(all)];
  const services = ofKind<Service>(all, 'Service');
  const sliced = new Set(ofKind(all, 'EndpointSlice').map(({ metadata }) => metadata.labels?.['kubernetes.io/service-name']));
  const slices = services.flatMap((service) => {
    const slice = sliced.has(service.metadata.name) ? undefined : planEndpointSlice(service, pods);
    return slice === undefined ? [] : [slice as ApiObject];
  });
  const events = [...all, ...pods, ...slices].map((object) => ({ type: 'set' as const, object }));
  return { snapshot: fold(emptySnapshot(), events).snapshot, pods, services, ...(json && { json }) };
}

/** Nothing here depends on the time. */
const epoch = '1970-01-01T00:00:00Z';
const nowhere = { address: '127.0.0.1', port: 0 };
const unpublished = { http: nowhere, https: nowhere };

/** One ready Pod per replica of each Deployment that has none, with an address that only this world knows. */
function imaginedPods(objects: readonly ApiObject[]): Pod[] {
  const pods = ofKind<Pod>(objects, 'Pod');
  const has = ({ metadata, spec }: Deployment) =>
    pods.some((pod) => pod.metadata.namespace === metadata.namespace && selects(spec.selector.matchLabels ?? {}, pod));
  let serial = 0;
  return ofKind<Deployment>(objects, 'Deployment')
    .filter((deployment) => !has(deployment))
    .flatMap((deployment) => planDeployment(deployment, [], epoch).create ?? [])
    .flatMap((set) => planReplicaSet(set, [], () => String(++serial).padStart(5, '0')).create)
    .map((pod, i) => ({
      ...pod,
      status: { podIP: `10.0.${Math.floor(i / 250)}.${(i % 250) + 1}`, conditions: [{ type: 'Ready', status: 'True' }] },
    }));
}

function ofKind<T extends ApiObject>(objects: readonly ApiObject[], kind: string): T[] {
  return objects.filter((object) => object.kind === kind) as T[];
}

function idOf(object: ApiObject): string {
  return `${object.kind} ${keyOf(object.metadata)}`;
}
