// The volumes of one pod as folders of this machine: made before its containers start, kept as their ConfigMaps and Secrets change, gone
// with the pod.
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Kind } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { secretKind } from '#api/kinds/secret';
import type { Clock, Timer } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import type { Store } from '#store/store';
import type { Container } from '../container.ts';
import { expandVariables } from '../image-map.ts';
import { type Mount, volumeVariable } from './mount.ts';
import { writePayload } from './payload-directory.ts';
import {
  hasToken,
  isMadeOfFiles,
  objectsOf,
  type SourceObject,
  type Volume,
  type VolumeSurroundings,
  volumeFiles,
} from './volume-files.ts';

export interface PodVolumesOptions extends Pick<VolumeSurroundings, 'pod' | 'podIP' | 'machine' | 'token'> {
  store: Store;
  clock: Clock;
  /** Of this pod alone. */
  directory: string;
}

/** Tokens are good for ten minutes. */
const tokenEveryMs = 5 * 60_000;
const kinds: Readonly<Record<SourceObject['kind'], Kind>> = { ConfigMap: configMapKind, Secret: secretKind };

export class PodVolumes {
  private tokens: Timer | undefined;
  private serial = 0;
  private closed = false;

  constructor(private readonly options: PodVolumesOptions) {}

  /** For what a mount namespace needs of its own. */
  get own(): string {
    return path.join(this.options.directory, '.own');
  }

  private get volumes(): readonly Volume[] {
    return this.options.pod.spec.volumes ?? [];
  }

  /** Resolves to why they cannot be made yet, in the words of Kubernetes; undefined: they are there. */
  async prepare(): Promise<string | undefined> {
    if (this.volumes.length === 0) return undefined;
    mkdirSync(this.own, { recursive: true, mode: 0o700 });
    for (const volume of this.volumes) {
      const missing = await this.make(volume).catch(messageOf);
      if (missing !== undefined) return `MountVolume.SetUp failed for volume "${volume.name}" : ${missing}`;
    }
    if (this.volumes.some(hasToken)) this.renewTokens();
    return undefined;
  }

  /** After a change of the object; one that is gone leaves the files as they are. */
  async refresh({ kind, name }: SourceObject): Promise<void> {
    for (const volume of this.volumes) {
      if (objectsOf(volume).some((object) => object.kind === kind && object.name === name)) await this.make(volume);
    }
  }

  /** What the container is to see, and variables that say where it really is. Throws where a `subPath` leads out of its volume. */
  mountsOf(container: Container, env: Readonly<Record<string, string>>): { mounts: Mount[]; variables: Record<string, string> } {
    const mounts = (container.volumeMounts ?? []).flatMap(({ name, mountPath, subPath, subPathExpr, readOnly }) => {
      const volume = this.volumes.find((each) => each.name === name);
      if (volume === undefined) return [];
      const below = subPath ?? expandVariables(subPathExpr ?? '', env);
      return [{ source: this.sourceOf(volume, below), path: mountPath, readOnly: readOnly === true || isMadeOfFiles(volume) }];
    });
    const named = (container.volumeMounts ?? []).map(({ name }, index) => [volumeVariable(name), mounts[index]?.source ?? ''] as const);
    return { mounts, variables: Object.fromEntries(named) };
  }

  close(): void {
    this.closed = true;
    this.tokens?.cancel();
    rmSync(this.options.directory, { recursive: true, force: true });
  }

  private directoryOf(volume: Volume): string {
    return volume.hostPath ? volume.hostPath.path : path.join(this.options.directory, volume.name);
  }

  /** A folder that a `subPath` names is made where it is not there, as Kubernetes does. */
  private sourceOf(volume: Volume, below: string): string {
    const directory = this.directoryOf(volume);
    if (below === '') return directory;
    const source = path.resolve(directory, below);
    if (!source.startsWith(`${directory}/`)) throw new Error(`subPath "${below}" of volume "${volume.name}" leads out of it`);
    if (!existsSync(source)) mkdirSync(source, { recursive: true });
    return source;
  }

  private async make(volume: Volume): Promise<string | undefined> {
    if (isMadeOfFiles(volume)) return this.makeFiles(volume);
    if (volume.hostPath) return makeHostPath(volume.hostPath);
    if (volume.emptyDir) {
      // Whoever its programs run as.
      mkdirSync(this.directoryOf(volume), { recursive: true, mode: 0o777 });
      return undefined;
    }
    const [kind = 'nothing'] = Object.keys(volume).filter((field) => field !== 'name');
    return `there are no volumes of ${kind} here: use emptyDir, hostPath, configMap, secret, downwardAPI or projected`;
  }

  private async makeFiles(volume: Volume): Promise<string | undefined> {
    const { store, clock, pod } = this.options;
    const data = new Map<string, Readonly<Record<string, Buffer>>>();
    for (const { kind, name } of objectsOf(volume)) {
      const found = await store.get(kinds[kind], pod.metadata.namespace ?? '', name);
      if (found) data.set(`${kind} ${name}`, bytesOf(found as DataObject));
    }
    const made = volumeFiles(volume, { ...this.options, data: ({ kind, name }) => data.get(`${kind} ${name}`) });
    if ('missing' in made) return made.missing;
    const timestamp = new Date(clock.wallMs()).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '_');
    if (!this.closed) writePayload(this.directoryOf(volume), made.files, `${timestamp}.${this.serial++}`);
    return undefined;
  }

  private renewTokens(): void {
    this.tokens ??= this.options.clock.after(
      tokenEveryMs,
      () => {
        this.tokens = undefined;
        for (const volume of this.volumes.filter(hasToken)) void this.make(volume);
        this.renewTokens();
      },
      { unref: true },
    );
  }
}

/** Kubernetes' types of them; one that says nothing is not looked at. */
function makeHostPath({ path: place, type = '' }: NonNullable<Volume['hostPath']>): string | undefined {
  if (type === 'DirectoryOrCreate') mkdirSync(place, { recursive: true });
  if (type === 'FileOrCreate' && !existsSync(place)) writeFileSync(place, '');
  if (!existsSync(place)) return `hostPath ${place} does not exist`;
  const stat = statSync(place);
  const wrong = (type.startsWith('Directory') && !stat.isDirectory()) || (type.startsWith('File') && !stat.isFile());
  return wrong ? `hostPath ${place} is not a ${type.startsWith('File') ? 'file' : 'directory'}` : undefined;
}

interface DataObject {
  kind: string;
  data?: Readonly<Record<string, string>>;
  binaryData?: Readonly<Record<string, string>>;
}

function bytesOf({ kind, data = {}, binaryData = {} }: DataObject): Record<string, Buffer> {
  const decoded = (values: Readonly<Record<string, string>>, encoding: BufferEncoding) =>
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value, encoding)] as const);
  return Object.fromEntries([...decoded(data, kind === 'Secret' ? 'base64' : 'utf8'), ...decoded(binaryData, 'base64')]);
}
