// The samples that come with this package: manifests for `lateen up --sample NAME`, and commands for the images of all of them.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshError } from '#foundation/mesh-error';
import { samples } from './package.ts';

export interface Sample {
  manifests: string[];
  /** Where it is looked at, through the gateway. */
  page: string | undefined;
}

const imageMapName = 'image-map.yaml';

/** Throws MeshError UNKNOWN_SAMPLE. */
export function findSample(name: string): Sample {
  const all = sampleFolders();
  const directory = all.find((folder) => path.basename(folder) === name);
  const manifests = directory === undefined ? [] : manifestsOf(directory);
  if (manifests.length > 0) return { manifests, page: name === 'bookinfo' ? '/productpage' : undefined };
  const known = all.filter((folder) => manifestsOf(folder).length > 0).map((folder) => path.basename(folder));
  throw new MeshError('UNKNOWN_SAMPLE', `there is no sample ${name}`, { hint: `one of: ${known.join(', ')}` });
}

/** So that Istio's own sample manifests run in every mesh. */
export function sampleImageMaps(): string[] {
  return sampleFolders()
    .map((folder) => path.join(folder, imageMapName))
    .filter((file) => existsSync(file));
}

function sampleFolders(): string[] {
  const folder = fileURLToPath(samples);
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
}

function manifestsOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml') && !file.endsWith('.test.yaml') && file !== imageMapName)
    .map((file) => path.join(folder, file));
}
