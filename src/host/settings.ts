// ConfigMaps and Secrets as a container's environment: single keys (`env`) and whole ones (`envFrom`). Read before the container starts.
import type { Kind } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import type { Pod } from '#api/kinds/pod';
import { secretKind } from '#api/kinds/secret';
import type { Store } from '#store/store';

type Container = NonNullable<Pod['spec']>['containers'][number];
type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

interface Reference {
  kind: 'ConfigMap' | 'Secret';
  name: string;
  key?: string | undefined;
  optional: boolean;
}

export class Settings {
  /** By kind and name: the decoded data. */
  private constructor(private readonly data: ReadonlyMap<string, Readonly<Record<string, string>>>) {}

  static async read(store: Store, pod: Pod): Promise<Settings> {
    const data = new Map<string, Readonly<Record<string, string>>>();
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      for (const { kind, name } of referencesOf(container)) {
        const found = await store.get(kinds[kind], pod.metadata.namespace ?? '', name);
        if (found) data.set(`${kind} ${name}`, decoded(kind, (found as { data?: Record<string, string> }).data ?? {}));
      }
    }
    return new Settings(data);
  }

  /** Why the container cannot start yet: something that it names is not there. */
  missing(container: Container): string | undefined {
    for (const { kind, name, key, optional } of referencesOf(container)) {
      if (optional) continue;
      const data = this.data.get(`${kind} ${name}`);
      if (!data) return `${kind.toLowerCase()} "${name}" not found`;
      if (key !== undefined && data[key] === undefined) return `couldn't find key ${key} in ${kind} ${name}`;
    }
    return undefined;
  }

  /** The variables of `envFrom`. */
  whole(container: Container): Record<string, string> {
    const entries = envFromOf(container).flatMap(({ prefix = '', configMapRef, secretRef }) => {
      const data = this.data.get(configMapRef ? `ConfigMap ${configMapRef.name}` : `Secret ${secretRef?.name}`) ?? {};
      return Object.entries(data).map(([key, value]) => [`${prefix}${key}`, value] as const);
    });
    return Object.fromEntries(entries);
  }

  /** One value of `env`; undefined where it comes from elsewhere, or is optional and not there. */
  one(from: ValueFrom | undefined): string | undefined {
    const [reference] = keyReferences(from);
    return reference && this.data.get(`${reference.kind} ${reference.name}`)?.[reference.key ?? ''];
  }
}

const kinds: Readonly<Record<Reference['kind'], Kind>> = { ConfigMap: configMapKind, Secret: secretKind };

const envFromOf = ({ envFrom = [] }: Container) => envFrom;

function referencesOf(container: Container): Reference[] {
  const whole = envFromOf(container).flatMap(({ configMapRef, secretRef }) => [
    ...(configMapRef ? [{ kind: 'ConfigMap' as const, name: configMapRef.name ?? '', optional: configMapRef.optional === true }] : []),
    ...(secretRef ? [{ kind: 'Secret' as const, name: secretRef.name ?? '', optional: secretRef.optional === true }] : []),
  ]);
  return [...whole, ...(container.env ?? []).flatMap(({ valueFrom }) => keyReferences(valueFrom))];
}

function keyReferences(from: ValueFrom | undefined): Reference[] {
  const reference = (kind: Reference['kind'], ref: ValueFrom['secretKeyRef']) =>
    ref ? [{ kind, name: ref.name ?? '', key: ref.key, optional: ref.optional === true }] : [];
  return [...reference('ConfigMap', from?.configMapKeyRef), ...reference('Secret', from?.secretKeyRef)];
}

function decoded(kind: Reference['kind'], data: Readonly<Record<string, string>>): Record<string, string> {
  if (kind === 'ConfigMap') return { ...data };
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}
