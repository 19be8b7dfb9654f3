// One resource type on a state-of-the-world stream: every request carries the whole list of names. Pure.
import type { DiscoveryRequest, DiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Delivery } from './delivery.ts';
import type { Resource, ResourceSet } from './resource.ts';
import { type TypeUrl, typeUrl } from './resource-type.ts';
import { type AnswerOptions, type Interest, type Reaction, type Subscription, wildcardName } from './subscription.ts';

/** Types whose responses must hold everything that the client is to have: what is left out is deleted. */
const fullStateTypes: ReadonlySet<TypeUrl> = new Set([typeUrl.cluster, typeUrl.listener]);

export class SotwSubscription implements Subscription<DiscoveryRequest, DiscoveryResponse> {
  readonly delivery = new Delivery();
  private readonly fullState: boolean;
  private wildcard = false;
  private names: ReadonlySet<string> = new Set();
  private started = false;
  /** Once a name was given, an empty list means "nothing" and no longer "everything". */
  private named = false;
  private sent = new Map<string, Resource>();
  private retaining_ = false;

  constructor(private readonly type: TypeUrl) {
    this.fullState = fullStateTypes.has(type);
  }

  get interest(): Interest {
    return { wildcard: this.wildcard, names: this.names };
  }

  get retaining(): boolean {
    return this.retaining_;
  }

  receive(request: DiscoveryRequest): Reaction {
    const verdict = this.delivery.settle(request.responseNonce, request.errorDetail?.message);
    // The client will say the same names again with the nonce of the response that is on its way.
    if (verdict === 'stale') return { verdict, answer: false };
    const first = !this.started;
    this.started = true;
    const grown = this.subscribe(request.resourceNames);
    return { verdict, answer: first || grown };
  }

  answer(resources: ResourceSet, options: AnswerOptions): DiscoveryResponse | undefined {
    if (options.among && !this.fullState) return this.update(resources, options);
    const { version, retain, force } = options;
    const next = new Map(resources);
    this.retaining_ = false;
    if (retain) {
      for (const [name, resource] of this.sent) {
        if (next.has(name)) continue;
        next.set(name, resource);
        this.retaining_ = true;
      }
    }
    const fresh = [...next.values()].filter((resource) => this.sent.get(resource.name)?.version !== resource.version);
    const gone = this.fullState && [...this.sent.keys()].some((name) => !next.has(name));
    this.sent = next;
    if (fresh.length === 0 && !gone && !force) return undefined;
    return this.response(version, this.fullState ? [...next.values()] : fresh);
  }

  /** What is not among the names, and what is gone, stays as it is. */
  private update(resources: ResourceSet, { version, force }: AnswerOptions): DiscoveryResponse | undefined {
    const fresh = [...resources.values()].filter((resource) => this.sent.get(resource.name)?.version !== resource.version);
    for (const resource of fresh) this.sent.set(resource.name, resource);
    return fresh.length === 0 && !force ? undefined : this.response(version, fresh);
  }

  private response(version: string, resources: readonly Resource[]): DiscoveryResponse {
    return {
      versionInfo: version,
      resources: resources.map(({ body }) => body),
      canary: false,
      typeUrl: this.type,
      nonce: this.delivery.send(version),
      controlPlane: undefined,
    };
  }

  /** True when the list has a name that it did not have. Names given up are forgotten: asked for again, they are sent again. */
  private subscribe(list: readonly string[]): boolean {
    const hadWildcard = this.wildcard;
    const had = this.names;
    this.named ||= list.length > 0;
    this.wildcard = list.includes(wildcardName) || (list.length === 0 && !this.named && this.fullState);
    this.names = new Set(list.filter((name) => name !== wildcardName));
    if (!this.wildcard) this.sent = new Map([...this.sent].filter(([name]) => this.names.has(name)));
    return (this.wildcard && !hadWildcard) || [...this.names].some((name) => !had.has(name));
  }
}
