// Takes resources out of the mesh: those that files declare, or those named.
import type { Kind } from '#api/kind';
import { kindOf } from '#api/registry';
import { MeshError } from '#foundation/mesh-error';
import { StoreError } from '#store/store-error';
import { kindArgument } from './kind-argument.ts';
import { readManifests } from './manifest-files.ts';
import { writeFailure, writeProblems } from './message.ts';
import { resourceName } from './output.ts';
import type { Session } from './session.ts';

export interface DeleteOptions {
  filename?: string[];
  namespace?: string;
  ignoreNotFound?: boolean;
}

interface Doomed {
  kind: Kind;
  namespace: string;
  name: string;
}

export async function runDelete(
  session: Session,
  word: string | undefined,
  names: readonly string[],
  options: DeleteOptions,
): Promise<void> {
  const doomed = options.filename ? await ofFiles(session, options.filename, options.namespace) : ofNames(word, names, options.namespace);
  await session.withStore(async (store) => {
    for (const { kind, namespace, name } of doomed) {
      try {
        await store.delete(kind, namespace, name);
        session.context.stdout(`${resourceName(kind, `"${name}"`, ' ')} deleted\n`);
      } catch (error) {
        const gone = error instanceof StoreError && error.code === 'NOT_FOUND';
        if (!(error instanceof StoreError) || error.code === 'UNAVAILABLE') throw error;
        if (gone && options.ignoreNotFound) continue;
        session.fail();
        writeFailure(session.context, error);
      }
    }
  });
}

async function ofFiles(session: Session, files: readonly string[], namespace: string | undefined): Promise<Doomed[]> {
  const { objects, problems } = await readManifests(session.context, files, namespace);
  writeProblems(session.context, problems);
  if (problems.some(({ level }) => level === 'error')) session.fail();
  return objects.flatMap((object) => {
    const kind = kindOf(object.apiVersion, object.kind);
    return kind ? [{ kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name }] : [];
  });
}

function ofNames(word: string | undefined, names: readonly string[], namespace = 'default'): Doomed[] {
  const hint = 'lateen delete -f FILE, or lateen delete KIND NAME';
  if (word === undefined) throw new MeshError('USAGE', 'what is to be deleted?', { hint });
  const kind = kindArgument(word);
  if (names.length === 0) throw new MeshError('USAGE', `which ${kind.plural} are to be deleted?`, { hint });
  return names.map((name) => ({ kind, namespace: kind.namespaced ? namespace : '', name }));
}
