// The mesh that a command asks about: files, or what the running mesh's API holds.
import { readFile } from 'node:fs/promises';
import type { ApiObject } from '#api/kind';
import { envoyFilterKind } from '#api/kinds/envoy-filter';
import { kinds } from '#api/registry';
import type { CliContext } from '#cli/context';
import { readManifests } from '#cli/manifest-files';
import { writeProblems } from '#cli/message';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { HttpAccess } from '#net/http-access';
import { RemoteStore } from '#store/remote-store';
import { buildWorld, type World } from './world.ts';

export interface SourceOptions {
  /** Files and folders; none: the running mesh. */
  filename: readonly string[];
  namespace: string | undefined;
  api: HttpAccess;
}

export async function loadWorld(options: SourceOptions, context: CliContext): Promise<World> {
  return worldOf(await loadObjects(options, context), context);
}

/** What reads EnvoyFilters takes a moment to load: only where there are some. */
export async function worldOf(objects: readonly ApiObject[], { canonicalJson }: Pick<CliContext, 'canonicalJson'>): Promise<World> {
  return buildWorld(objects, objects.some(({ kind }) => kind === envoyFilterKind.kind) ? await canonicalJson?.() : undefined);
}

/** For who cannot go on without it. Throws MeshError NO_DESCRIPTORS. */
export async function readableJson({ canonicalJson }: Pick<CliContext, 'canonicalJson'>): Promise<CanonicalJson> {
  if (canonicalJson) return canonicalJson();
  throw new MeshError('NO_DESCRIPTORS', 'this program has no descriptors of Envoy’s messages', { hint: 'build it with npm run build' });
}

/** Objects that are refused are left out, and said. */
export async function loadObjects({ filename, namespace, api }: SourceOptions, context: CliContext): Promise<ApiObject[]> {
  if (filename.length === 0) return readMesh(api, context);
  const { objects, problems } = await readManifests(context, filename, namespace);
  writeProblems(context, problems);
  return objects;
}

/** Throws MeshError NO_MESH where none answers. */
export async function readMesh(api: HttpAccess, { clock }: Pick<CliContext, 'clock'>): Promise<ApiObject[]> {
  const store = new RemoteStore({ api, clock });
  try {
    return (await Promise.all(kinds.map((kind) => store.list(kind)))).flatMap(({ items }) => items);
  } catch (thrown) {
    throw new MeshError('NO_MESH', `there is no mesh at ${api.url}: ${messageOf(thrown)}`, {
      hint: 'name files with -f, or start one with lateen up',
      cause: thrown,
    });
  } finally {
    store.close();
  }
}

/** Throws MeshError UNREADABLE. */
export async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error) => {
    throw new MeshError('UNREADABLE', `${file} cannot be read: ${messageOf(error)}`);
  });
}
