// One run of `lateen describe`: finds the pod or service among the resources of the running mesh or of files, and describes it.
import { Resources } from '#analysis/resources';
import type { ApiObject } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import { kinds } from '#api/registry';
import { MeshError } from '#foundation/mesh-error';
import { getJson } from '../http-json.ts';
import { readManifests } from '../manifest-files.ts';
import { writeProblems } from '../message.ts';
import { choosePod } from '../pod-argument.ts';
import type { Session } from '../session.ts';
import { describePod, describeService } from './describe.ts';

export interface DescribeOptions {
  namespace: string;
  /** Instead of the running mesh. */
  filename: readonly string[];
}

export async function runDescribe(session: Session, kind: 'pod' | 'service', word: string, options: DescribeOptions): Promise<void> {
  const live = options.filename.length === 0;
  const resources = new Resources(live ? await running(session) : await ofFiles(session, options.filename));
  const { stdout } = session.context;
  if (kind === 'service') return stdout(describeService(chooseService(resources.all('/Service'), word, options.namespace), resources));
  const pod = choosePod(resources.all<Pod>('/Pod'), word, options.namespace);
  stdout(describePod(pod, resources, live ? await connectedProxies(session) : undefined));
}

function running(session: Session): Promise<ApiObject[]> {
  return session.withStore(async (store) => {
    const lists = await Promise.all(kinds.map((kind) => store.list(kind)));
    return lists.flatMap(({ items }) => items);
  });
}

async function ofFiles(session: Session, paths: readonly string[]): Promise<ApiObject[]> {
  const { objects, problems } = await readManifests(session.context, paths, undefined);
  const errors = problems.filter(({ level }) => level === 'error');
  writeProblems(session.context, errors);
  if (errors.length > 0) session.fail();
  return objects;
}

async function connectedProxies(session: Session): Promise<ReadonlySet<string>> {
  const rows = await getJson(`${session.options().debugUrl}/debug/syncz`, 'the control plane');
  return new Set((Array.isArray(rows) ? (rows as { proxy: string }[]) : []).map(({ proxy }) => proxy));
}

function chooseService(services: readonly Service[], word: string, namespace: string): Service {
  const dot = word.indexOf('.');
  const [name, home] = dot < 0 ? [word, namespace] : [word.slice(0, dot), word.slice(dot + 1)];
  const found = services.find(({ metadata }) => metadata.name === name && metadata.namespace === home);
  if (found) return found;
  throw new MeshError('NOT_FOUND', `there is no Service "${name}" in namespace ${home}`, { hint: 'list them: lateen get services -A' });
}
