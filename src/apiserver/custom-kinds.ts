// Keeps the catalog in step with the CustomResourceDefinitions in the store: what is defined is served, what is no more goes with its objects.

import { customKind } from '#api/custom-kind';
import type { ApiObject } from '#api/kind';
import type { KindCatalog } from '#api/kind-catalog';
import { kubernetesKinds } from '#api/kubernetes-kinds';
import type { Clock } from '#foundation/clock';
import type { Store, Watch } from '#store/store';

export const definitionKind = kubernetesKinds.find(({ kind }) => kind === 'CustomResourceDefinition')!;

export class CustomKinds {
  private watch: Watch | undefined;

  constructor(private readonly options: { store: Store; catalog: KindCatalog; clock: Clock }) {}

  /** Resolves when what is there is served. */
  async start(): Promise<void> {
    const { items, resourceVersion } = await this.options.store.list(definitionKind);
    for (const definition of items) await this.define(definition);
    this.follow(resourceVersion);
  }

  stop(): void {
    this.watch?.stop();
  }

  private follow(resourceVersion: string): void {
    this.watch = this.options.store.watch(
      definitionKind,
      { resourceVersion },
      {
        event: (event) => {
          if (event.type === 'DELETED') void this.forget(event.object);
          else if (event.type !== 'BOOKMARK') void this.define(event.object);
        },
        closed: () => void this.start(),
      },
    );
  }

  private async define(definition: ApiObject): Promise<void> {
    const kind = customKind(definition);
    if (!kind) return;
    this.options.catalog.define(kind);
    const { status } = definition as ApiObject & { status?: { conditions?: unknown[] } };
    if ((status?.conditions ?? []).length > 0) return;
    const { kind: name, plural, singular, shortNames } = kind;
    const lastTransitionTime = `${new Date(this.options.clock.wallMs()).toISOString().slice(0, 19)}Z`;
    const holds = (type: string, reason: string) => ({ type, status: 'True', reason, message: reason, lastTransitionTime });
    const established = {
      acceptedNames: { kind: name, plural, singular, shortNames },
      storedVersions: [kind.versions[0]],
      conditions: [holds('NamesAccepted', 'NoConflicts'), holds('Established', 'InitialNamesAccepted')],
    };
    const { resourceVersion: _, ...metadata } = definition.metadata;
    // It may be gone already.
    await this.options.store.updateStatus({ ...definition, metadata, status: established } as ApiObject).catch(() => undefined);
  }

  private async forget(definition: ApiObject): Promise<void> {
    const { store, catalog } = this.options;
    const kind = customKind(definition);
    if (!kind || !catalog.customKinds.some(({ plural, group }) => plural === kind.plural && group === kind.group)) return;
    for (const { metadata } of (await store.list(kind)).items) {
      await store.delete(kind, metadata.namespace ?? '', metadata.name).catch(() => undefined);
    }
    catalog.forget(definition.metadata.name);
  }
}
