// The files behind `-f`: a file, a directory with all of its manifests, or standard input.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiObject } from '#api/kind';
import { readItems, type UnreadItem, unreadItems } from '#api/manifest';
import { kindOf } from '#api/registry';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import type { CliContext } from './context.ts';

export interface Manifests {
  objects: ApiObject[];
  problems: Problem[];
}

const manifestName = /\.(ya?ml|json)$/i;

/** What of all files is to be read. */
export interface Choice {
  /** Texts without the documents that are not: blank lines stand for them, so that the others are where they were. */
  texts(texts: readonly string[]): string[];
  /** Of all resources that were parsed. */
  resources(resources: readonly unknown[]): (resource: unknown) => boolean;
}

/** Throws MeshError where a path cannot be read; what is wrong inside of files comes as problems. */
export async function readManifests(
  context: Pick<CliContext, 'readStdin'>,
  paths: readonly string[],
  namespace: string | undefined,
  choice?: Choice,
): Promise<Manifests> {
  const sources: { name: string; text: string }[] = [];
  for await (const source of textsOf(context, paths)) sources.push(source);
  const texts = choice?.texts(sources.map(({ text }) => text));
  const files = sources.map(({ name, text }, index): { name: string; items: UnreadItem[] } => ({
    name,
    items: [...unreadItems(texts?.[index] ?? text, name)],
  }));
  const isChosen = choice?.resources(files.flatMap(({ items }) => items.map(({ value }) => value))) ?? (() => true);
  const all: Manifests = { objects: [], problems: [] };
  for (const { name, items } of files) {
    const chosen = items.filter(({ value }) => value === undefined || isChosen(value));
    const { objects, problems } = readItems(chosen, namespace === undefined ? {} : { namespace });
    all.problems.push(...problems);
    for (const object of objects) {
      const astray = namespace !== undefined && isNamespaced(object) && object.metadata.namespace !== namespace;
      if (astray) all.problems.push(elsewhere(object, namespace, name));
      else all.objects.push(object);
    }
  }
  return all;
}

/** The files at these paths, one after the other; `-` is standard input. Throws MeshError where a path cannot be read. */
export async function* textsOf(
  context: Pick<CliContext, 'readStdin'>,
  paths: readonly string[],
  recursive = false,
): AsyncIterable<{ name: string; text: string }> {
  for (const path of paths) {
    if (path === '-') yield { name: 'standard input', text: await context.readStdin() };
    else for (const file of await filesAt(path, recursive)) yield { name: file, text: await read(file) };
  }
}

async function filesAt(path: string, recursive: boolean): Promise<string[]> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new MeshError('PATH_NOT_FOUND', `${path} does not exist`, { hint: 'give a file, a directory, or - for standard input' });
    throw new MeshError('UNREADABLE', `${path} cannot be read: ${messageOf(error)}`);
  });
  if (!stats.isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive });
  const files = entries
    .filter((entry) => entry.isFile() && manifestName.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) throw new MeshError('PATH_EMPTY', `${path} has no .yaml, .yml or .json files`);
  return files.sort();
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new MeshError('UNREADABLE', `${file} cannot be read: ${messageOf(error)}`);
  }
}

function isNamespaced(object: ApiObject): boolean {
  return kindOf(object.apiVersion, object.kind)?.namespaced === true;
}

function elsewhere({ kind, metadata }: ApiObject, namespace: string, file: string): Problem {
  return {
    level: 'error',
    code: 'NAMESPACE_MISMATCH',
    message: `is for namespace ${metadata.namespace}, not ${namespace} (${file})`,
    object: `${kind} ${metadata.namespace}/${metadata.name}`,
    hint: 'leave -n out, or the namespace in the file',
  };
}
