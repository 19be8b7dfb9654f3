// Tells people what happened to an object, as Kubernetes' Events. The same thing said again raises the count of what is there; only so
// many are kept.
import type { ApiObject } from '#api/kind';
import { type Event, eventKind } from '#api/kinds/event';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Store } from '#store/store';

const eventsMax = 1_000;
const component = 'lateen';

export class EventRecorder {
  /** What was said, oldest first: by what it says, the name of its Event. */
  private readonly said = new Map<string, { name: string; namespace: string; count: number; first: string }>();
  private serial = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: { store: Store; clock: Clock; logger: Logger }) {}

  /** Returns at once; an event that cannot be written is lost. */
  record(object: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const now = `${new Date(this.options.clock.wallMs()).toISOString().slice(0, 19)}Z`;
    const { name, namespace = 'default', uid = '' } = object.metadata;
    const key = [uid, reason, message].join('\n');
    const known = this.said.get(key);
    this.said.delete(key);
    const suffix = () => `${this.options.clock.wallMs().toString(16)}${(this.serial++).toString(16)}`;
    const entry = { name: known?.name ?? `${name}.${suffix()}`, namespace, count: (known?.count ?? 0) + 1, first: known?.first ?? now };
    this.said.set(key, entry);
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: entry.name, namespace },
      involvedObject: { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid },
      reason,
      message,
      type,
      count: entry.count,
      firstTimestamp: entry.first,
      lastTimestamp: now,
      source: { component },
      reportingComponent: component,
    };
    this.writing = this.writing.then(() => this.write(event, known !== undefined)).catch((thrown) => this.lost(event, thrown));
  }

  private async write(event: Event, again: boolean): Promise<void> {
    const { store } = this.options;
    if (again && (await store.get(eventKind, event.metadata.namespace ?? '', event.metadata.name))) await store.update(event);
    else await store.create(event);
    const [oldest] = this.said;
    if (this.said.size <= eventsMax || !oldest) return;
    this.said.delete(oldest[0]);
    await store.delete(eventKind, oldest[1].namespace, oldest[1].name);
  }

  private lost({ reason, message }: Event, thrown: unknown): void {
    this.options.logger.debug({ reason, message, error: messageOf(thrown) }, 'event not written');
  }
}
