// MeshConfig from a file, as Istio's commands take it: what holds where the ConfigMap `istio` says nothing else.
import { readFileSync } from 'node:fs';
import { defaultMeshConfig, type MeshConfig, readMeshConfig } from '#control/mesh/mesh-config';
import { MeshError, messageOf } from '#foundation/mesh-error';

/** Throws MeshError MESH_CONFIG_INVALID, which says everything that is wrong with it. */
export function readMeshConfigFile(file: string): MeshConfig {
  const hint = 'a file for --meshConfigFile has fields of Istio’s MeshConfig, such as accessLogFile: /dev/stdout';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new MeshError('MESH_CONFIG_INVALID', `${file} cannot be read: ${messageOf(thrown)}`, { hint });
  }
  const read = readMeshConfig(defaultMeshConfig, text);
  if (read.ok) return read.value;
  const problems = read.problems.map(({ field, message }) => `${(field ?? '').replace(/^data\.mesh(: )?/, '')} ${message}`.trim());
  throw new MeshError('MESH_CONFIG_INVALID', `${file}: ${problems.join('; ')}`, { hint });
}
