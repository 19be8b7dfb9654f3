// What is in every namespace without being asked for, as in Kubernetes: the service account `default`, and the API's authority. Made with
// the namespace, and anew where it is taken away.
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { namespaceKind } from '#api/kinds/namespace';
import { serviceAccountKind } from '#api/kinds/service-account';
import { Backoff } from '#foundation/backoff';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import { applyObject } from '#store/apply';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import { accountDefault, rootAuthority, rootAuthorityName } from './api-access.ts';
import { Reconciler } from './reconciler.ts';

export interface NamespaceObjectsOptions {
  store: Store;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** PEM. */
  apiAuthority: string;
}

export class NamespaceObjects {
  private readonly namespaces: Informer;
  private readonly objects: readonly Informer[];
  private readonly queue: Reconciler;

  constructor(private readonly options: NamespaceObjectsOptions) {
    this.queue = new Reconciler({ ...options, name: 'namespace objects', reconcile: (name) => this.reconcile(name) });
    const nothing = () => {};
    const informer = (kind: Kind, changed: (object: ApiObject) => void, set: (object: ApiObject) => void = changed) => {
      const backoff = new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
      return new Informer({ ...options, kind, backoff }, { set, delete: changed, synced: nothing });
    };
    this.namespaces = informer(namespaceKind, ({ metadata }) => this.queue.enqueue(metadata.name));
    const gone = ({ metadata: { name, namespace } }: ApiObject) => {
      if (name === accountDefault || name === rootAuthorityName) this.queue.enqueue(namespace ?? '');
    };
    this.objects = [serviceAccountKind, configMapKind].map((kind) => informer(kind, gone, nothing));
  }

  start(): void {
    for (const each of [...this.objects, this.namespaces]) each.start();
  }

  stop(): void {
    for (const each of [...this.objects, this.namespaces]) each.stop();
    this.queue.stop();
  }

  private async reconcile(namespace: string): Promise<void> {
    const found = this.namespaces.objects.get(keyOf({ name: namespace }));
    if (!found || found.metadata.deletionTimestamp !== undefined) return;
    const { store, apiAuthority } = this.options;
    await applyObject(store, configMapKind, rootAuthority(namespace, apiAuthority));
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: accountDefault, namespace } };
    if (!(await store.get(serviceAccountKind, namespace, accountDefault))) await store.create(account);
  }
}
