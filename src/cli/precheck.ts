// One run of `lateen x precheck`: whether an API server, or definitions in files, are fit for the mesh.
import { analyze } from '#analysis/analyze';
import { type Finding, finding } from '#analysis/analyzer';
import { precheckAnalyzers } from '#analysis/analyzers';
import { levelOf } from '#analysis/code';
import { Resources } from '#analysis/resources';
import type { ApiObject } from '#api/kind';
import { kinds } from '#api/registry';
import { MeshError } from '#foundation/mesh-error';
import type { RemoteStore } from '#store/remote-store';
import { StoreError } from '#store/store-error';
import { exitFound, readFiles } from './analysis.ts';
import { type FindingFormat, showFindings } from './findings.ts';
import { getJson } from './http-json.ts';
import type { Session } from './session.ts';

/** Of Kubernetes 1: the oldest that was tried. */
const minorMin = 27;

/** What a finding is about that no resource is. */
const cluster: ApiObject = { apiVersion: 'v1', kind: 'Cluster', metadata: { name: 'cluster' } };

export async function runPrecheck(session: Session, paths: readonly string[], { output }: Pick<FindingFormat, 'output'>): Promise<void> {
  const found = paths.length > 0 ? await ofFiles(session, paths) : await ofServer(session);
  showFindings(session, found, { output, color: session.context.color });
  if (found.some(({ code }) => levelOf(code) === 'Error')) session.fail(exitFound);
}

async function ofFiles(session: Session, paths: readonly string[]): Promise<Finding[]> {
  const { objects } = await readFiles(session, paths, false);
  return analyze(new Resources(objects), precheckAnalyzers);
}

async function ofServer(session: Session): Promise<Finding[]> {
  const version = await getJson(`${session.options().apiUrl}/version`, 'the API server');
  const refused = await session.withStore(refusals);
  return [...versionFindings(version), ...refused];
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

/** Of each kind that the mesh is made of: whether it may be read. */
async function refusals(store: RemoteStore): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const kind of kinds) {
    try {
      await store.list(kind);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'UNAVAILABLE') throw error;
      found.push(finding('IST0141', cluster, '', `${kind.plural}${kind.group ? `.${kind.group}` : ''} cannot be read: ${error.message}`));
    }
  }
  return found;
}
