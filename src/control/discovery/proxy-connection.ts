// One proxy's stream: what it subscribed to, what it was told, and what it must be told next. Knows no sockets.
//
// Order is the point. Of a push, one type is under way at a time: clusters and endpoints are acknowledged before the
// listeners and routes that use them are sent, and what is gone is taken away last, when nothing refers to it any more.
import type { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { Impact } from '#control/push/impact';
import { parseOutboundClusterName } from '#control/translate/cluster-name';
import { parseMeshServerName } from '#control/translate/mutual-tls';
import { type MeshProxy, proxyOf } from '#control/view/proxy';
import { MeshError } from '#foundation/mesh-error';
import type { ResourceSet } from '#xds/resource';
import { pushOrder, type TypeUrl, typeUrl } from '#xds/resource-type';
import type { Interest, Subscription } from '#xds/subscription';

/** What the requests of both protocols have. */
export interface StreamRequest {
  node: Node | undefined;
  typeUrl: string;
}

export interface ConnectionOptions<Request, Response> {
  createSubscription: (type: TypeUrl) => Subscription<Request, Response>;
  /** The protocol can send a part of what there is. */
  incremental: boolean;
  write: (response: Response) => void;
  source: ResourceSource;
  observer: ConnectionObserver;
}

/** The configuration as it is now. */
export interface ResourceSource {
  /** False while the first list of objects is still coming: nothing is sent, so that nothing is taken away by mistake. */
  readonly ready: boolean;
  readonly version: string;
  resources(proxy: MeshProxy, type: TypeUrl, interest: Interest): ResourceSet;
}

export interface ConnectionObserver {
  pushed(type: TypeUrl): void;
  rejected(connection: ProxyConnection, type: TypeUrl, message: string): void;
  /** A type that was rejected last is accepted. */
  mended(connection: ProxyConnection): void;
  /** Everything that was to be sent of a change has been answered. */
  settled(connection: ProxyConnection): void;
}

/** What the world sees of a connection, whichever protocol it speaks. */
export interface ProxyConnection {
  readonly proxy: MeshProxy | undefined;
  readonly subscriptions: ReadonlyMap<TypeUrl, Pick<Subscription<never, unknown>, 'delivery' | 'interest'>>;
  push(impact: Impact): void;
  /** The source has become ready. */
  resume(): void;
}

const namesMax = 100_000;
const removedLast: readonly TypeUrl[] = [typeUrl.endpoint, typeUrl.cluster];
const referring: readonly TypeUrl[] = [typeUrl.listener, typeUrl.route, typeUrl.virtualHost];

export class AdsConnection<Request extends StreamRequest, Response> implements ProxyConnection {
  proxy: MeshProxy | undefined;
  readonly subscriptions = new Map<TypeUrl, Subscription<Request, Response>>();
  /** To be looked at in the push that is under way. */
  private readonly dirty = new Set<TypeUrl>();
  /** Asked for, and not answered because the source was not ready. */
  private readonly unanswered = new Set<TypeUrl>();
  /** Whose endpoints have changed since they were last sent; undefined: any may have. */
  private changedHosts: Set<string> | undefined = new Set();
  /** Names of endpoints asked for, by host; it may hold names that are asked for no more. */
  private endpointNames: ReadonlyMap<string, string[]> = new Map();
  private pushing = false;
  /** The push that is under way came of a change, not of a request. */
  private changed = false;

  constructor(private readonly options: ConnectionOptions<Request, Response>) {}

  /** Throws MeshError NODE_INVALID or SUBSCRIPTION_TOO_LARGE: the stream must end. */
  receive(request: Request): void {
    if (!this.proxy) {
      this.proxy = this.introduced(request.node);
      if (!this.proxy) {
        throw new MeshError('NODE_INVALID', `the first request must introduce a proxy; its node id is "${request.node?.id ?? ''}"`, {
          hint: 'node ids look like sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local; gRPC clients set metadata GENERATOR=grpc',
        });
      }
    }
    const type = pushOrder.find((known) => known === request.typeUrl);
    if (!type) return; // a type that Lateen does not serve: the proxy goes on without it
    let subscription = this.subscriptions.get(type);
    if (!subscription) this.subscriptions.set(type, (subscription = this.options.createSubscription(type)));
    const refused = subscription.delivery.rejection !== undefined;
    const reaction = subscription.receive(request);
    if (subscription.interest.names.size > namesMax) {
      throw new MeshError('SUBSCRIPTION_TOO_LARGE', `more than ${namesMax} names of ${type} in one subscription`);
    }
    if (reaction.verdict === 'nack') this.options.observer.rejected(this, type, subscription.delivery.rejection?.message ?? '');
    if (reaction.verdict === 'ack' && refused) this.options.observer.mended(this);
    if (reaction.answer && type === typeUrl.endpoint) this.endpointNames = namesByHost(subscription.interest.names);
    if (reaction.answer) this.answer(type, subscription);
    if (reaction.verdict === 'ack' || reaction.verdict === 'nack') this.advance();
  }

  private introduced(node: Node | undefined): MeshProxy | undefined {
    const proxy = proxyOf(node);
    return proxy?.virtualHostDiscovery && !this.options.incremental ? { ...proxy, virtualHostDiscovery: false } : proxy;
  }

  push({ types, onlyEndpointsOf }: Impact): void {
    if (onlyEndpointsOf) {
      const hosts = [...onlyEndpointsOf, ofNoHost].filter((host) => this.endpointNames.has(host));
      if (hosts.length === 0) return;
      for (const host of hosts) this.changedHosts?.add(host);
    } else if (types.has(typeUrl.endpoint)) this.changedHosts = undefined;
    for (const type of types) if (this.subscriptions.has(type)) this.dirty.add(type);
    if (this.dirty.size > 0) this.pushing = this.changed = true;
    this.advance();
  }

  resume(): void {
    for (const type of pushOrder) {
      const subscription = this.subscriptions.get(type);
      if (subscription && this.unanswered.delete(type)) this.answer(type, subscription);
    }
    this.advance();
  }

  private answer(type: TypeUrl, subscription: Subscription<Request, Response>): void {
    if (!this.options.source.ready) {
      this.unanswered.add(type);
      return;
    }
    // The answer is of the newest configuration: what it may refer to and has not been sent yet goes before it.
    if (referring.includes(type)) {
      for (const earlier of [typeUrl.cluster, typeUrl.endpoint]) {
        const other = this.subscriptions.get(earlier);
        if (other && this.dirty.delete(earlier)) this.send(earlier, other, { retain: true, force: false });
      }
    }
    this.send(type, subscription, { retain: true, force: true });
  }

  /** Takes the push as far as it goes without the client. */
  private advance(): void {
    if (!this.pushing || !this.options.source.ready) return;
    for (const type of pushOrder) {
      const subscription = this.subscriptions.get(type);
      if (!subscription) continue;
      if (subscription.delivery.awaiting) return;
      if (this.dirty.delete(type) && this.send(type, subscription, { retain: true, force: false })) return;
    }
    // A client that refused new listeners or routes goes on with the old ones, and needs what they refer to.
    if (referring.some((type) => this.subscriptions.get(type)?.delivery.rejection)) return;
    for (const type of removedLast) {
      const subscription = this.subscriptions.get(type);
      if (subscription?.retaining && this.send(type, subscription, { retain: false, force: false })) return;
    }
    if (this.changed) this.options.observer.settled(this);
    this.pushing = this.changed = false;
  }

  /** True when there was something to send. */
  private send(type: TypeUrl, subscription: Subscription<Request, Response>, how: { retain: boolean; force: boolean }): boolean {
    const { source, write, observer } = this.options;
    if (!this.proxy) return false;
    const retain = how.retain && removedLast.includes(type);
    const among = type === typeUrl.endpoint && retain && !how.force ? this.changedNames(subscription.interest) : undefined;
    if (type === typeUrl.endpoint) this.changedHosts = new Set();
    const resources = source.resources(this.proxy, type, among ? { wildcard: false, names: among } : subscription.interest);
    const response = subscription.answer(resources, { version: source.version, retain, force: how.force, among });
    if (subscription.retaining) this.pushing = true;
    if (response === undefined) return false;
    write(response);
    observer.pushed(type);
    return true;
  }

  /** Undefined: all. */
  private changedNames({ names }: Interest): ReadonlySet<string> | undefined {
    if (!this.changedHosts) return undefined;
    return new Set([...this.changedHosts].flatMap((host) => this.endpointNames.get(host)?.filter((name) => names.has(name)) ?? []));
  }
}

/** Endpoints that a change of any host's may concern: those of the proxy's own workload. */
const ofNoHost = '';

function namesByHost(names: Iterable<string>): ReadonlyMap<string, string[]> {
  const byHost = new Map<string, string[]>();
  for (const name of names) {
    const host = (parseOutboundClusterName(name) ?? parseMeshServerName(name))?.host ?? ofNoHost;
    const known = byHost.get(host);
    if (known) known.push(name);
    else byHost.set(host, [name]);
  }
  return byHost;
}
