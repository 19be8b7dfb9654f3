// The objects that are analyzed together, found by kind and by name, with what analyzers derive from them.

import { examineObject } from '#api/decode';
import { type ApiObject, keyOf } from '#api/kind';
import { parseApiVersion } from '#api/registry';
import type { Problem } from '#foundation/problem';
import type { KindKey } from './analyzer.ts';
import { type MeshConfig, meshConfigOf } from './mesh-config.ts';

export const kindKeyOf = ({ apiVersion, kind }: ApiObject): KindKey => `${parseApiVersion(apiVersion).group}/${kind}`;

/** Which of several clusters an object is of; those without the annotation are of one. */
const clusterAnnotation = 'lateen.dev/cluster';
export const clusterOf = ({ metadata }: ApiObject): string | undefined => metadata.annotations?.[clusterAnnotation];

export interface ResourcesOptions {
  /** Of the mesh; else that of the ConfigMap `istio` among the objects. */
  meshConfig?: MeshConfig | undefined;
  /** What was wrong with each object when it was read; else it is looked at again. */
  problems?: ProblemsByObject;
  /** Certificates are compared with it. */
  nowMs?: number;
  /** Why a value is no JSON of one of Envoy's messages; undefined where it is, or where nobody here knows the message. */
  envoyProblem?: EnvoyProblem;
}

export type ProblemsByObject = Pick<ReadonlyMap<ApiObject, readonly Problem[]>, 'get'>;

export type EnvoyProblem = (messageName: string, value: unknown) => string | undefined;

export class Resources {
  private readonly byKind = new Map<KindKey, ApiObject[]>();
  private readonly byKey = new Map<string, ApiObject>();
  private readonly derivations = new Map<(resources: Resources) => unknown, unknown>();
  readonly meshConfig: MeshConfig;
  readonly nowMs: number;
  /** Without the descriptors of Envoy's messages, nothing is a problem. */
  readonly envoyProblem: EnvoyProblem;
  private readonly problems: ProblemsByObject | undefined;

  /** Of two objects with one name the later counts, as it does where both are applied. */
  constructor(objects: Iterable<ApiObject>, { meshConfig, problems, nowMs = 0, envoyProblem }: ResourcesOptions = {}) {
    const latest = new Map<string, ApiObject>();
    for (const object of objects) {
      const key = `${kindKeyOf(object)} ${keyOf(object.metadata)}`;
      this.byKey.set(key, object);
      latest.set(`${key} ${clusterOf(object) ?? ''}`, object);
    }
    for (const object of latest.values()) {
      const kind = kindKeyOf(object);
      const known = this.byKind.get(kind);
      if (known) known.push(object);
      else this.byKind.set(kind, [object]);
    }
    this.meshConfig = meshConfig ?? meshConfigOf(this.find('/ConfigMap', 'istio-system', 'istio'));
    this.problems = problems;
    this.nowMs = nowMs;
    this.envoyProblem = envoyProblem ?? (() => undefined);
  }

  all<T extends ApiObject>(kind: KindKey): readonly T[] {
    return (this.byKind.get(kind) ?? []) as T[];
  }

  find<T extends ApiObject>(kind: KindKey, namespace: string, name: string): T | undefined {
    return this.byKey.get(`${kind} ${keyOf({ namespace, name })}`) as T | undefined;
  }

  problemsOf(object: ApiObject): readonly Problem[] {
    return (this.problems ? this.problems.get(object) : examineObject(object).problems) ?? [];
  }

  /** What `build` makes of these resources; made once for each function. */
  derived<T>(build: (resources: Resources) => T): T {
    if (!this.derivations.has(build)) this.derivations.set(build, build(this));
    return this.derivations.get(build) as T;
  }
}

/** Lists by key. */
export function grouped<T>(entries: Iterable<readonly [key: string, value: T]>): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const [key, value] of entries) {
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
