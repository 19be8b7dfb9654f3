// Keeps on resources that proxies refuse what they are made into, as a condition of their status, and takes it away when it is mended.
import { isDeepStrictEqual } from 'node:util';
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import { kinds } from '#api/registry';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';

/** What proxies refuse of one resource. */
interface Refused {
  kind: string;
  namespace: string;
  name: string;
  proxies: readonly string[];
  reason: string;
}

export interface RefusalKeeperOptions {
  store: Store;
  clock: Clock;
  logger: Logger;
}

/** As in Kubernetes: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/condition/ */
interface Condition {
  type: string;
  status: 'False';
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

const conditionType = 'AcceptedByProxies';
const namedProxiesMax = 3;
const messageCharsMax = 1_000;
const attemptsMax = 3;

export class RefusalKeeper {
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly options: RefusalKeeperOptions) {}

  /** `standing`: all that may bear a condition from before, as they are known. Resolves when it is written. */
  update(refused: readonly Refused[], standing: Iterable<ApiObject>): Promise<void> {
    const wanted = new Map(refused.map((each) => [idOf(each.kind, each.namespace, each.name), each]));
    const mended = [...standing].filter((object) => conditionOf(object) && !wanted.has(idOfObject(object)));
    this.work = this.work.then(async () => {
      for (const { kind, namespace, name, ...what } of refused) await this.write(kind, namespace, name, what);
      for (const { kind, metadata } of mended) await this.write(kind, metadata.namespace ?? '', metadata.name, undefined);
    });
    return this.work;
  }

  private async write(kindName: string, namespace: string, name: string, refused: Pick<Refused, 'proxies' | 'reason'> | undefined) {
    const kind = kinds.find((each) => each.kind === kindName);
    if (!kind) return;
    const { store, clock, logger } = this.options;
    try {
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        const object = await store.get(kind, namespace, name);
        const status = object && statusWith(object, refused, new Date(clock.wallMs()).toISOString());
        if (!object || !status) return;
        if (await this.replaced({ ...object, status } as ApiObject)) return;
      }
    } catch (error) {
      logger.warn({ object: idOf(kindName, namespace, name), error: messageOf(error) }, 'what proxies refuse cannot be written');
    }
  }

  /** False where somebody else was faster. */
  private async replaced(object: ApiObject): Promise<boolean> {
    try {
      await this.options.store.updateStatus(object);
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'CONFLICT') return false;
      if (error instanceof StoreError && error.code === 'NOT_FOUND') return true;
      throw error;
    }
  }
}

/** Undefined where it is right as it is. */
function statusWith(object: ApiObject, refused: Pick<Refused, 'proxies' | 'reason'> | undefined, now: string) {
  const before = conditionOf(object);
  const others = conditionsOf(object).filter((condition) => condition !== before);
  const { generation } = object.metadata;
  const message = refused && `${whoOf(refused.proxies)}: ${refused.reason}`.slice(0, messageCharsMax);
  const condition: Condition | undefined =
    message === undefined
      ? undefined
      : {
          type: conditionType,
          status: 'False',
          reason: 'Refused',
          message,
          ...(generation !== undefined && { observedGeneration: generation }),
          lastTransitionTime: String(before?.['lastTransitionTime'] ?? now),
        };
  if (isDeepStrictEqual(condition, before)) return undefined;
  const { conditions: _, ...status } = statusOf(object);
  const conditions = [...others, ...(condition ? [condition] : [])];
  return { ...status, ...(conditions.length > 0 && { conditions }) };
}

function whoOf(proxies: readonly string[]): string {
  const more = proxies.length - namedProxiesMax;
  const named = proxies.slice(0, namedProxiesMax).join(', ');
  return `refused by ${more > 0 ? `${named} and ${more} more` : named}`;
}

type Fields = Readonly<Record<string, unknown>>;

function statusOf(object: ApiObject): Fields {
  const { status } = object as ApiObject & { status?: unknown };
  return isPlainObject(status) ? status : {};
}

function conditionsOf(object: ApiObject): readonly unknown[] {
  const { conditions } = statusOf(object);
  return Array.isArray(conditions) ? conditions : [];
}

function conditionOf(object: ApiObject): Fields | undefined {
  return conditionsOf(object).find((each): each is Fields => isPlainObject(each) && each['type'] === conditionType);
}

const idOf = (kind: string, namespace: string, name: string) => `${kind} ${namespace}/${name}`;
const idOfObject = ({ kind, metadata }: ApiObject) => idOf(kind, metadata.namespace ?? '', metadata.name);
