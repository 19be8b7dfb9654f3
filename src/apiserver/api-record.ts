// Where `lateen up` leaves word of its API for its own processes and for the commands of the same user: address, authority and the
// administrator's token, in a file that nobody else reads. What a kubeconfig is to kubectl, without YAML.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MeshError } from '#foundation/mesh-error';
import type { HttpAccess } from '#net/http-access';
import { writePrivate } from './private-file.ts';

export const apiRecordPath = (directory: string): string => path.join(directory, 'api.json');

export function writeApiRecord(directory: string, access: HttpAccess): void {
  writePrivate(apiRecordPath(directory), JSON.stringify(access));
}

/** Undefined where there is none, or it is another user's. Throws MeshError API_RECORD where it cannot be understood. */
export function readApiRecord(file: string): HttpAccess | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as HttpAccess;
  } catch (cause) {
    throw new MeshError('API_RECORD', `${file} cannot be read`, { cause, hint: 'start the mesh again: it is written anew' });
  }
}
