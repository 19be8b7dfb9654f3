// The files of a volume, from what it is made of: ConfigMaps, Secrets, what a pod knows of itself, a token. Pure.
import type { Pod } from '#api/kinds/pod';
import { apiAudience } from '#identity/service-account-token';
import { fieldValue, type MachineCapacity, resourceValue } from '../downward-api.ts';

export type Volume = NonNullable<Pod['spec']['volumes']>[number];
type Source = NonNullable<NonNullable<Volume['projected']>['sources']>[number];
type Items = readonly { key: string; path: string; mode?: number }[];
type DownwardItems = NonNullable<NonNullable<Volume['downwardAPI']>['items']>;

export interface VolumeFile {
  content: Buffer;
  /** As chmod has it. */
  mode: number;
}

/** By path below the volume. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** An object of the pod's namespace that a volume is made of. */
export interface SourceObject {
  kind: 'ConfigMap' | 'Secret';
  name: string;
}

export interface VolumeSurroundings {
  pod: Pod;
  podIP: string;
  machine: MachineCapacity;
  /** The data of an object, decoded; undefined: there is none. */
  data(object: SourceObject): Readonly<Record<string, Buffer>> | undefined;
  /** Of the pod's service account, for who is to believe it. */
  token(audience: string): string;
}

/** `missing`: in the words of Kubernetes, why the volume cannot be made yet. */
export type FilesOrMissing = { files: VolumeFiles } | { missing: string };

/** Kubernetes' default. */
const modeDefault = 0o644;

/** One after the other: where two name a path, the later one has it. */
export function sourcesOf({ configMap, secret, downwardAPI, projected }: Volume): readonly Source[] {
  if (configMap) return [{ configMap }];
  if (secret) {
    const { secretName, ...rest } = secret;
    return [{ secret: { ...rest, ...(secretName !== undefined && { name: secretName }) } }];
  }
  if (downwardAPI) return [{ downwardAPI }];
  return projected?.sources ?? [];
}

export const isMadeOfFiles = ({ configMap, secret, downwardAPI, projected }: Volume): boolean =>
  (configMap ?? secret ?? downwardAPI ?? projected) !== undefined;

/** What the volume has to be made anew for. */
export function objectsOf(volume: Volume): SourceObject[] {
  return sourcesOf(volume).flatMap(({ configMap, secret }) => [
    ...(configMap ? [{ kind: 'ConfigMap' as const, name: configMap.name ?? '' }] : []),
    ...(secret ? [{ kind: 'Secret' as const, name: secret.name ?? '' }] : []),
  ]);
}

export const hasToken = (volume: Volume): boolean => sourcesOf(volume).some(({ serviceAccountToken }) => serviceAccountToken);

export function volumeFiles(volume: Volume, surroundings: VolumeSurroundings): FilesOrMissing {
  const { configMap, secret, downwardAPI, projected } = volume;
  const mode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? modeDefault;
  const files = new Map<string, VolumeFile>();
  for (const source of sourcesOf(volume)) {
    const made = filesOfSource(source, mode, surroundings);
    if ('missing' in made) return made;
    for (const [path, file] of made.files) {
      if (!isBelow(path)) return { missing: `"${path}" is no path below a volume` };
      files.set(path, file);
    }
  }
  return { files };
}

function filesOfSource(
  { configMap, secret, downwardAPI, serviceAccountToken }: Source,
  mode: number,
  surroundings: VolumeSurroundings,
): FilesOrMissing {
  if (configMap) return filesOfObject({ kind: 'ConfigMap', name: configMap.name ?? '' }, configMap, mode, surroundings);
  if (secret) return filesOfObject({ kind: 'Secret', name: secret.name ?? '' }, secret, mode, surroundings);
  if (serviceAccountToken) {
    const content = Buffer.from(surroundings.token(serviceAccountToken.audience ?? apiAudience));
    return { files: new Map([[serviceAccountToken.path, { content, mode }]]) };
  }
  return { files: new Map((downwardAPI?.items ?? []).map((item) => [item.path, downwardFile(item, mode, surroundings)])) };
}

function filesOfObject(
  object: SourceObject,
  { items, optional }: { items?: Items; optional?: boolean },
  mode: number,
  { pod, data }: VolumeSurroundings,
): FilesOrMissing {
  const found = data(object);
  if (found === undefined) {
    if (optional) return { files: new Map() };
    const name = `${pod.metadata.namespace ?? 'default'}/${object.name}`;
    return { missing: `references non-existent ${object.kind.toLowerCase()}: ${name}` };
  }
  if (items === undefined) return { files: new Map(Object.entries(found).map(([key, content]) => [key, { content, mode }])) };
  const files = new Map<string, VolumeFile>();
  for (const { key, path, mode: own } of items) {
    const content = found[key];
    if (content !== undefined) files.set(path, { content, mode: own ?? mode });
    else if (!optional) return { missing: `references non-existent ${object.kind.toLowerCase()} key: ${key}` };
  }
  return { files };
}

function downwardFile(
  { fieldRef, resourceFieldRef, mode: own }: DownwardItems[number],
  mode: number,
  { pod, podIP, machine }: VolumeSurroundings,
): VolumeFile {
  const container = pod.spec.containers.find(({ name }) => name === resourceFieldRef?.containerName);
  const resource = resourceFieldRef && container ? resourceValue(container, resourceFieldRef, machine) : '';
  return { content: Buffer.from(fieldRef ? fieldValue(pod, podIP, fieldRef) : resource), mode: own ?? mode };
}

/** Names that begin with two dots are those of the writer's own (`payload-directory.ts`). */
function isBelow(path: string): boolean {
  const parts = path.split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..') && !path.startsWith('..');
}
