// One resource type on an incremental stream: requests and responses carry what changed. Pure.
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Resource as ProtoResource } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Delivery } from './delivery.ts';
import type { Resource, ResourceSet } from './resource.ts';
import { type Changes, changesBetween } from './resource-set.ts';
import { subscribedName, type TypeUrl, typeUrl } from './resource-type.ts';
import { SentVersions } from './sent-versions.ts';
import { type AnswerOptions, type Interest, type Reaction, type Subscription, wildcardName } from './subscription.ts';

export class DeltaSubscription implements Subscription<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  readonly delivery = new Delivery();
  private wildcard = false;
  private readonly names = new Set<string>();
  private started = false;
  /** Version of each resource that the client has, or was sent. */
  private readonly sent = new SentVersions();
  /** Asked for by name, and told that there is none. */
  private readonly missing = new Set<string>();
  private retaining_ = false;
  /** The last answer in whole, where it is what `sent` says and the client has asked for nothing else since. */
  private told: ResourceSet | undefined;

  constructor(private readonly type: TypeUrl) {}

  get interest(): Interest {
    return { wildcard: this.wildcard, names: this.names };
  }

  get retaining(): boolean {
    return this.retaining_;
  }

  receive(request: DeltaDiscoveryRequest): Reaction {
    const verdict = this.delivery.settle(request.responseNonce, request.errorDetail?.message);
    const first = !this.started;
    this.started = true;
    if (first) {
      for (const [name, version] of Object.entries(request.initialResourceVersions)) this.sent.set(name, version);
      // A first request without names asks for everything, as if it said `*`.
      if (request.resourceNamesSubscribe.length === 0) this.wildcard = true;
    }
    for (const name of request.resourceNamesUnsubscribe) this.unsubscribe(name);
    for (const name of request.resourceNamesSubscribe) this.subscribe(name, first);
    return {
      verdict,
      answer: first || request.resourceNamesSubscribe.length > 0 || (this.wildcard && request.resourceNamesUnsubscribe.length > 0),
    };
  }

  answer(resources: ResourceSet, { version, retain, force, among }: AnswerOptions): DeltaDiscoveryResponse | undefined {
    const { told } = this;
    const { fresh, gone } = told && !among ? changesBetween(told, resources) : this.changesTo(resources, among);
    const absent = told && !among && gone.length === 0 ? [] : this.absentFrom(resources, among);
    this.retaining_ = retain && (gone.length > 0 || (among !== undefined && this.retaining_));
    this.told = among || this.retaining_ ? undefined : resources;
    const removed = [...(retain ? [] : gone), ...absent];
    this.note(resources, fresh, removed);
    if (fresh.length === 0 && removed.length === 0 && !force) return undefined;
    return {
      systemVersionInfo: version,
      resources: fresh.map(toProto),
      typeUrl: this.type,
      removedResources: removed,
      removedResourceNames: [],
      nonce: this.delivery.send(version),
      controlPlane: undefined,
    };
  }

  private note(resources: ResourceSet, fresh: readonly Resource[], removed: readonly string[]): void {
    if (this.missing.size > 0) for (const { name } of fresh) this.missing.delete(subscribedName(this.type, name));
    for (const name of removed) if (this.names.has(name)) this.missing.add(name);
    if (this.told) {
      this.sent.reset(resources);
      return;
    }
    for (const { name, version } of fresh) this.sent.set(name, version);
    for (const name of removed) this.sent.delete(name);
  }

  private changesTo(resources: ResourceSet, among: ReadonlySet<string> | undefined): Changes {
    return {
      fresh: [...resources.values()].filter(({ name, version }) => this.sent.get(name) !== version),
      gone: [...(among ?? this.sent.keys())].filter((name) => !resources.has(name) && this.sent.has(name)),
    };
  }

  /** Names asked for of which there is nothing, as the client is to be told once. */
  private absentFrom(resources: ResourceSet, among: ReadonlySet<string> | undefined): string[] {
    const all = () => new Set([...resources.keys(), ...this.sent.keys()].map((name) => subscribedName(this.type, name)));
    const present = this.type === typeUrl.virtualHost ? all() : { has: (name: string) => resources.has(name) || this.sent.has(name) };
    return [...(among ?? this.names)].filter((name) => !present.has(name) && !this.missing.has(name));
  }

  /** Of what was sent, that which a name asks for. */
  private sentFor(name: string): string[] {
    if (this.type !== typeUrl.virtualHost) return this.sent.has(name) ? [name] : [];
    return [...this.sent.keys()].filter((each) => subscribedName(this.type, each) === name);
  }

  /** A name that is subscribed to again is sent again, unless the client just said which version it has. */
  private subscribe(name: string, first: boolean): void {
    if (name === wildcardName) {
      this.wildcard = true;
      this.told = undefined;
      return;
    }
    this.names.add(name);
    this.missing.delete(name);
    this.told = undefined;
    if (!first) for (const each of this.sentFor(name)) this.sent.delete(each);
  }

  private unsubscribe(name: string): void {
    this.told = undefined;
    if (name === wildcardName) {
      this.wildcard = false;
      for (const known of [...this.sent.keys()]) if (!this.names.has(known)) this.sent.delete(known);
      return;
    }
    this.names.delete(name);
    this.missing.delete(name);
    // Under a wildcard the client must be told whether it keeps it: sent again if so, removed if not.
    for (const each of this.sentFor(name)) {
      if (this.wildcard) this.sent.set(each, '');
      else this.sent.delete(each);
    }
  }
}

function toProto({ name, version, body }: Resource): ProtoResource {
  return ProtoResource.fromPartial({ name, version, resource: body });
}
