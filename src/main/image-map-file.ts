// A file that says which local command stands for which image: of --image-map, and of the samples.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { resolvePaths } from '#host/container';
import type { ImageMapping } from '#host/image-map';

/** `images: [{image, command, env}]`; paths are relative to the file. Throws MeshError IMAGE_MAP where it cannot be read so. */
export function readImageMap(file: string): ImageMapping[] {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (thrown) {
    throw new MeshError('IMAGE_MAP', `${file} cannot be read: ${messageOf(thrown)}`);
  }
  const images = (content as { images?: unknown } | null)?.images;
  if (!Array.isArray(images) || !images.every(isMapping)) {
    throw new MeshError('IMAGE_MAP', `${file} is not an image map`, { hint: 'images: [{image: NAME, command: [PROGRAM, ARGUMENT]}]' });
  }
  return images.map((mapping) => ({ ...mapping, command: resolvePaths(mapping.command, path.dirname(path.resolve(file))) }));
}

function isMapping(entry: unknown): entry is ImageMapping {
  const { image, command } = (entry ?? {}) as Partial<ImageMapping>;
  return typeof image === 'string' && Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
}
