// The words by which a person names a pod, as istioctl takes them: `POD`, `POD.NAMESPACE`, `deployment/NAME`, or the beginning
// of a pod's name where only one has it.
import { type Pod, podKind } from '#api/kinds/pod';
import { MeshError } from '#foundation/mesh-error';
import { below, type HttpAccess } from '#net/http-access';
import type { Session } from './session.ts';

/** Istio's, of every sidecar and gateway. */
const adminPort = 15_000;

/** Throws MeshError NOT_FOUND or AMBIGUOUS. */
export async function podArgument(session: Session, word: string, namespace = 'default'): Promise<Pod> {
  const { items } = await session.withStore((store) => store.list(podKind));
  return choosePod(items as Pod[], word, namespace);
}

export function choosePod(pods: readonly Pod[], word: string, namespace: string): Pod {
  const slash = word.indexOf('/');
  const owner = slash < 0 ? undefined : word.slice(0, slash);
  if (owner !== undefined && !['deployment', 'deployments', 'deploy', 'pod', 'pods', 'po'].includes(owner.split('.')[0] ?? '')) {
    throw new MeshError('USAGE', `"${word}" names no pod`, { hint: 'write POD, POD.NAMESPACE or deployment/NAME' });
  }
  const given = word.slice(slash + 1);
  const dot = given.lastIndexOf('.');
  const readings = [{ name: given, namespace }, ...(dot > 0 ? [{ name: given.slice(0, dot), namespace: given.slice(dot + 1) }] : [])];
  const within = (reading: { namespace: string }) => pods.filter(({ metadata }) => metadata.namespace === reading.namespace);
  for (const reading of readings) {
    const exact = within(reading).find(({ metadata }) => metadata.name === reading.name);
    if (exact) return exact;
  }
  const near = readings.flatMap((reading) => within(reading).filter(({ metadata }) => metadata.name.startsWith(reading.name)));
  if (owner?.startsWith('deploy')) {
    const ofDeployment = near.find(({ metadata }) => readings.some(({ name }) => ownedBy(metadata.name, name)));
    if (ofDeployment) return ofDeployment;
  } else if (near.length === 1 && near[0]) return near[0];
  if (near.length > 1) {
    const names = near.map(({ metadata }) => `${metadata.name}.${metadata.namespace}`);
    throw new MeshError('AMBIGUOUS', `"${word}" is the beginning of ${near.length} pods`, { hint: `write one of ${names.join(', ')}` });
  }
  throw new MeshError('NOT_FOUND', `there is no pod "${word}"`, { hint: 'list them: lateen get pods -A' });
}

/** A Deployment's pods have its name, a hash and a suffix. */
const ownedBy = (pod: string, deployment: string) => /^-[^-]+-[^-]+$/.test(pod.slice(deployment.length));

/** `reviews-v1-x.default`: as the control plane names a pod's proxy. */
export const proxyNameOf = ({ metadata }: Pod): string => `${metadata.name}.${metadata.namespace}`;

/**
 * Where the pod's proxy answers: at its own address where that is one of this machine, else through the API server, which reaches every
 * pod. Throws MeshError NOT_READY while the pod has no address.
 */
export function adminOf(pod: Pod, api: HttpAccess, port = adminPort): HttpAccess {
  const address = pod.status?.podIP;
  if (!address) throw new MeshError('NOT_READY', `pod ${proxyNameOf(pod)} has no address yet`, { hint: 'lateen get pods' });
  if (address.startsWith('127.')) return { url: `http://${address}:${port}` };
  const { namespace = 'default', name } = pod.metadata;
  return below(api, `/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy`);
}
