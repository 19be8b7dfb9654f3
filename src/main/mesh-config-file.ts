// MeshConfig from a file, as Istio's commands take it: what holds where the ConfigMap `istio` says nothing else. It may change at any time.
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
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

/** Its text as it is now; empty where there is none, or none any more. */
export function meshConfigText(file: string | undefined): string {
  try {
    return file === undefined ? '' : readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Looked at so often: a file may be replaced, or be a link into a volume, of which nothing else would tell. */
const intervalMsDefault = 500;

/** `failed` hears what is wrong with the file as it is now; what was read before holds on. Returns how to end it. */
export function watchMeshConfigFile(
  file: string,
  { changed, failed }: { changed: (config: MeshConfig) => void; failed: (error: MeshError) => void },
  interval = intervalMsDefault,
): () => void {
  const look = (): void => {
    let config: MeshConfig;
    try {
      config = readMeshConfigFile(file);
    } catch (thrown) {
      if (!(thrown instanceof MeshError)) throw thrown;
      failed(thrown);
      return;
    }
    changed(config);
  };
  watchFile(file, { persistent: false, interval }, look);
  return () => unwatchFile(file, look);
}
