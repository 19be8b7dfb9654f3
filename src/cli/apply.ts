// Makes the mesh hold what files declare, object by object.
import { type ApiObject, keyOf } from '#api/kind';
import { originOf } from '#api/origin';
import { kindOf } from '#api/registry';
import { applyObject } from '#store/apply';
import type { RemoteStore } from '#store/remote-store';
import { StoreError } from '#store/store-error';
import type { CliContext } from './context.ts';
import { readManifests } from './manifest-files.ts';
import { writeFailure, writeProblems } from './message.ts';
import { resourceName } from './output.ts';
import type { Session } from './session.ts';

export interface ApplyOptions {
  filename: string[];
  namespace?: string;
}

export async function runApply(session: Session, options: ApplyOptions): Promise<void> {
  const { context } = session;
  const { objects, problems } = await readManifests(context, options.filename, options.namespace);
  // The server warns of what it takes, with file and line: said here as well, it would be said twice.
  const sent = new Set(objects.map(nameOf));
  writeProblems(
    context,
    problems.filter(({ level, object }) => level === 'error' || object === undefined || !sent.has(object)),
  );
  const applied = await session.withStore((store) => applyAll(context, store, objects));
  if (!applied || problems.some(({ level }) => level === 'error')) session.fail();
  else if (objects.length === 0) context.stderr('nothing to apply: the files hold no resources\n');
}

/** One after the other, Namespaces first; false where one was refused. */
async function applyAll(context: CliContext, store: RemoteStore, objects: readonly ApiObject[]): Promise<boolean> {
  const order = [...objects].sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
  let sound = true;
  for (const object of order) {
    const kind = kindOf(object.apiVersion, object.kind);
    if (!kind) continue;
    try {
      const { outcome } = await applyObject(store, kind, object);
      context.stdout(`${resourceName(kind, object.metadata.name)} ${outcome}\n`);
    } catch (error) {
      // One that is refused leaves the others; a server that is not there ends it all.
      if (!(error instanceof StoreError) || error.code === 'UNAVAILABLE') throw error;
      sound = false;
      writeRefusal(context, object, error);
    }
  }
  return sound;
}

const nameOf = ({ kind, metadata }: ApiObject) => `${kind} ${keyOf(metadata)}`;

/** The API server names fields; the file and line are known here. */
function writeRefusal(context: CliContext, object: ApiObject, error: StoreError): void {
  const name = nameOf(object);
  const placed = error.problems.map((problem) => {
    const origin = originOf(object, problem.field);
    return { ...problem, object: name, ...(origin && { origin }) };
  });
  if (placed.length > 0) writeProblems(context, placed);
  else writeFailure(context, error);
}
