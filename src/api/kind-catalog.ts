// The kinds that one API server serves: those of the registry, Kubernetes' own, and those that CustomResourceDefinitions add.
import { apiVersionOf, type Kind } from './kind.ts';
import { kubernetesKinds } from './kubernetes-kinds.ts';
import { kinds } from './registry.ts';

/** Without the Gateway API, which comes to a cluster as definitions. */
const builtIn: readonly Kind[] = [...kinds, ...kubernetesKinds.filter(({ group }) => !group.startsWith('gateway.networking'))];

export class KindCatalog {
  private custom: readonly Kind[] = [];
  private byName = indexed(builtIn);

  get kinds(): readonly Kind[] {
    return [...builtIn, ...this.custom];
  }

  /** The kinds that definitions have added. */
  get customKinds(): readonly Kind[] {
    return this.custom;
  }

  /** The kind that an object names, in any version that is served. */
  readonly kindOf = (apiVersion: string, name: string): Kind | undefined => this.byName.get(`${apiVersion} ${name}`);

  /** The kind that a path names. */
  kindAt(group: string, version: string, plural: string): Kind | undefined {
    return this.byName.get(`${group === '' ? version : `${group}/${version}`} ${plural}`);
  }

  /** Adds a kind, or replaces what was defined by this name. False where it is one of ours: those are not redefined. */
  define(kind: Kind): boolean {
    if (builtIn.some((ours) => nameOf(ours) === nameOf(kind))) return false;
    this.setCustom([...this.custom.filter((each) => nameOf(each) !== nameOf(kind)), kind]);
    return true;
  }

  /** The inverse, for `<plural>.<group>`. */
  forget(name: string): void {
    this.setCustom(this.custom.filter((kind) => nameOf(kind) !== name));
  }

  private setCustom(custom: readonly Kind[]): void {
    this.custom = custom;
    this.byName = indexed(this.kinds);
  }
}

const nameOf = ({ plural, group }: Kind) => `${plural}.${group}`;

/** By what a manifest says (`apps/v1 Deployment`) and by what a path says (`apps/v1 deployments`). */
function indexed(kinds: readonly Kind[]): Map<string, Kind> {
  return new Map(
    kinds.flatMap((kind) =>
      kind.versions.flatMap((version) => [kind.kind, kind.plural].map((name) => [`${apiVersionOf(kind, version)} ${name}`, kind] as const)),
    ),
  );
}
