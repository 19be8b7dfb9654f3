// One run of `lateen x precheck`: whether an API server, or definitions in files, are fit for the mesh.
import { analyze } from '#analysis/analyze';
import { type Analyzer, type Finding, finding } from '#analysis/analyzer';
import { precheckAnalyzers } from '#analysis/analyzers';
import { upgradeAnalyzer } from '#analysis/analyzers/upgrade';
import { levelOf } from '#analysis/code';
import { localListeners } from '#analysis/local-listeners';
import { Resources } from '#analysis/resources';
import { type ApiObject, keyOf } from '#api/kind';
import { type Pod, podKind } from '#api/kinds/pod';
import { type Service, serviceKind } from '#api/kinds/service';
import { kinds } from '#api/registry';
import { MeshError } from '#foundation/mesh-error';
import { below } from '#net/http-access';
import type { RemoteStore } from '#store/remote-store';
import { StoreError } from '#store/store-error';
import { exitFound, readFiles } from './analysis.ts';
import { type FindingFormat, showFindings } from './findings.ts';
import { getJson } from './http-json.ts';
import { outputInPod } from './pod-exec.ts';
import type { Session } from './session.ts';

/** Of Kubernetes 1: the oldest that was tried. */
const minorMin = 27;

/** What a finding is about that no resource is. */
const cluster: ApiObject = { apiVersion: 'v1', kind: 'Cluster', metadata: { name: 'cluster' } };

export interface PrecheckOptions extends Pick<FindingFormat, 'output'> {
  /** The Istio that the resources come from: `1.20`. */
  fromVersion?: string;
}

export async function runPrecheck(session: Session, paths: readonly string[], { output, fromVersion }: PrecheckOptions): Promise<void> {
  const analyzers = [...precheckAnalyzers, ...(fromVersion === undefined ? [] : [upgradeAnalyzer(minorOf(fromVersion))])];
  const found = paths.length > 0 ? await ofFiles(session, paths, analyzers) : await ofServer(session, analyzers);
  showFindings(session, found, { output, color: session.context.color });
  if (found.some(({ code }) => levelOf(code) === 'Error')) session.fail(exitFound);
}

function minorOf(version: string): number {
  const [, minor] = /^v?1\.(\d{1,3})(?:\.|$)/.exec(version) ?? [];
  if (minor !== undefined) return Number(minor);
  throw new MeshError('USAGE', `"${version}" is no version of Istio`, { hint: 'such as 1.20' });
}

async function ofFiles(session: Session, paths: readonly string[], analyzers: readonly Analyzer[]): Promise<Finding[]> {
  const { objects } = await readFiles(session, paths, false);
  return analyze(new Resources(objects), analyzers);
}

async function ofServer(session: Session, analyzers: readonly Analyzer[]): Promise<Finding[]> {
  const version = await getJson(below(await session.api(), '/version'), 'the API server');
  const { objects, refused } = await session.withStore(readAll);
  const listeners = await listenersOf(session, objects);
  return [...versionFindings(version), ...refused, ...analyze(new Resources(objects), analyzers), ...listeners];
}

/** Of pods with an address of their own; all of a pod in 127.0.0.0/8 is loopback. */
async function listenersOf(session: Session, objects: readonly ApiObject[]): Promise<Finding[]> {
  const pods = objects.filter((object): object is Pod => object.kind === podKind.kind);
  const services = objects.filter((object): object is Service => object.kind === serviceKind.kind);
  const tables = new Map<string, string>();
  const api = await session.api();
  for (const pod of pods) {
    const { phase, podIP = '127.' } = pod.status ?? {};
    if (phase !== 'Running' || podIP.startsWith('127.')) continue;
    // A pod without the program, or that ends meanwhile, is not asked again: nothing is known of it.
    const table = await outputInPod(api, pod, ['cat', '/proc/net/tcp', '/proc/net/tcp6']).catch(() => undefined);
    if (table !== undefined) tables.set(keyOf(pod.metadata), table);
  }
  return localListeners(pods, services, tables);
}

function versionFindings(version: unknown): Finding[] {
  const { major = '', minor = '', gitVersion = '' } = (version ?? {}) as { major?: string; minor?: string; gitVersion?: string };
  const number = Number.parseInt(minor, 10); // some write `30+`
  if (major !== '1' || Number.isNaN(number)) {
    throw new MeshError('UNAVAILABLE', 'the API server does not say which version of Kubernetes it has', { hint: 'is it an API server?' });
  }
  if (number >= minorMin) return [];
  return [
    finding('IST0142', cluster, '', `${gitVersion || `1.${minor}`} is older than Kubernetes 1.${minorMin}, the oldest that is supported`),
  ];
}

/** Of each kind that the mesh is made of: what there is, or that it may not be read. */
async function readAll(store: RemoteStore): Promise<{ objects: ApiObject[]; refused: Finding[] }> {
  const objects: ApiObject[] = [];
  const refused: Finding[] = [];
  for (const kind of kinds) {
    try {
      objects.push(...(await store.list(kind)).items);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'UNAVAILABLE') throw error;
      refused.push(finding('IST0141', cluster, '', `${kind.plural}${kind.group ? `.${kind.group}` : ''} cannot be read: ${error.message}`));
    }
  }
  return { objects, refused };
}
