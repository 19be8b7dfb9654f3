// What the mesh's configuration is after some events: what was installed (a file, or Istio's defaults), and over it the ConfigMap `istio`
// of the root namespace. Pure. Used by fold.ts.
import { isDeepStrictEqual } from 'node:util';
import type { ConfigMap } from '#api/kinds/config-map';
import type { SourceEvent } from '#control/sources/event';
import { readMeshConfig } from './mesh-config.ts';
import type { MeshProblem, MeshSnapshot } from './snapshot.ts';

export type Configuration = Pick<MeshSnapshot, 'installed' | 'configText' | 'config'>;

const name = 'istio';

/** The object that `problems` are of. */
export const meshConfigObject = ({ installed }: Configuration): string => `ConfigMap ${installed.rootNamespace}/${name}`;

/**
 * `config` is the same object where it says the same. What cannot be read changes nothing, and is told in `problems`; undefined: those of
 * before still hold.
 */
export function reconfigured(
  before: Configuration,
  events: readonly SourceEvent[],
  installed: Configuration['installed'],
): { configuration: Configuration; problems: readonly MeshProblem[] | undefined } {
  const configText = textOf(before, events);
  if (configText === before.configText && installed === before.installed) {
    const { config } = before;
    return { configuration: { installed, configText, config }, problems: undefined };
  }
  const read = readMeshConfig(installed, configText);
  const config = read.ok && !isDeepStrictEqual(read.value, before.config) ? read.value : before.config;
  const object = meshConfigObject(before);
  return {
    configuration: { installed, configText, config },
    problems: read.ok ? [] : read.problems.map((problem) => ({ ...problem, object })),
  };
}

function textOf({ installed: { rootNamespace }, configText }: Configuration, events: readonly SourceEvent[]): string {
  const isIt = (kind: string, meta: { namespace?: string; name: string }) =>
    kind === 'ConfigMap' && meta.name === name && meta.namespace === rootNamespace;
  const event = events.findLast((each) => (each.type === 'set' ? isIt(each.object.kind, each.object.metadata) : isIt(each.kind, each)));
  if (!event) return configText;
  return event.type === 'set' ? ((event.object as ConfigMap).data?.['mesh'] ?? '') : '';
}
