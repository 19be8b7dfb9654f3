// One resource type on an incremental stream: requests and responses carry what changed. Pure.
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Resource as ProtoResource } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Delivery } from './delivery.ts';
import type { Resource, ResourceSet } from './resource.ts';
import type { TypeUrl } from './resource-type.ts';
import { type AnswerOptions, type Interest, type Reaction, type Subscription, wildcardName } from './subscription.ts';

export class DeltaSubscription implements Subscription<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  readonly delivery = new Delivery();
  private wildcard = false;
  private readonly names = new Set<string>();
  private started = false;
  /** Version of each resource that the client has, or was sent. */
  private readonly sent = new Map<string, string>();
  /** Asked for by name, and told that there is none. */
  private readonly missing = new Set<string>();
  private retaining_ = false;

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
    const fresh = [...resources.values()].filter((resource) => this.sent.get(resource.name) !== resource.version);
    const gone = [...(among ?? this.sent.keys())].filter((name) => !resources.has(name) && this.sent.has(name));
    const absent = [...(among ?? this.names)].filter((name) => !resources.has(name) && !this.sent.has(name) && !this.missing.has(name));
    this.retaining_ = retain && (gone.length > 0 || (among !== undefined && this.retaining_));
    const removed = [...(retain ? [] : gone), ...absent];
    if (fresh.length === 0 && removed.length === 0 && !force) return undefined;
    for (const { name, version: sentVersion } of fresh) {
      this.sent.set(name, sentVersion);
      this.missing.delete(name);
    }
    for (const name of removed) {
      this.sent.delete(name);
      if (this.names.has(name)) this.missing.add(name);
    }
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

  /** A name that is subscribed to again is sent again, unless the client just said which version it has. */
  private subscribe(name: string, first: boolean): void {
    if (name === wildcardName) {
      this.wildcard = true;
      return;
    }
    this.names.add(name);
    this.missing.delete(name);
    if (!first) this.sent.delete(name);
  }

  private unsubscribe(name: string): void {
    if (name === wildcardName) {
      this.wildcard = false;
      for (const known of [...this.sent.keys()]) if (!this.names.has(known)) this.sent.delete(known);
      return;
    }
    this.names.delete(name);
    this.missing.delete(name);
    // Under a wildcard the client must be told whether it keeps it: sent again if so, removed if not.
    if (this.wildcard && this.sent.has(name)) this.sent.set(name, '');
    else this.sent.delete(name);
  }
}

function toProto({ name, version, body }: Resource): ProtoResource {
  return ProtoResource.fromPartial({ name, version, resource: body });
}
