// The proxy's end of the Aggregated Discovery Service, delta variant: one stream, reconnected with backoff, subscriptions
// that survive it, an ACK or NACK for every response. What a response means is the handler's business.
// Protocol: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
import { type ChannelOptions, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { AggregatedDiscoveryServiceClient } from '#codec/protobuf/generated/envoy/service/discovery/v3/ads';
import { DeltaDiscoveryRequest, type DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import type { TypeUrl } from '#xds/resource-type';

export interface AdsNode {
  id: string;
  cluster: string;
  metadata: Readonly<Record<string, unknown>>;
  locality: { region: string; zone: string; subZone: string };
}

export interface AdsHandler {
  /** Applies a response, then resolves: with nothing to ACK it, with findings to NACK it. */
  apply(response: DeltaDiscoveryResponse): Promise<readonly string[]>;
  /** What is held of a type, by name, with its version: a new stream begins with it. */
  versions(typeUrl: TypeUrl): Record<string, string>;
}

type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/** `*` subscribes to everything of a type. */
export const wildcard: ReadonlySet<string> = new Set(['*']);

const internal = 13;

/** grpc-js waits a second before its first reconnect otherwise; our own backoff does the pacing. */
const channelOptions: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
};

export class AdsClient {
  private readonly subscriptions = new Map<TypeUrl, Set<string>>();
  private readonly backoff: Backoff;
  private client: AggregatedDiscoveryServiceClient | undefined;
  private stream: Stream | undefined;
  private retry: Timer | undefined;
  private nodeSent = false;
  private closed = false;
  /** For the admin interface: whether a stream stands, and how often one broke. */
  connected = false;
  disconnects = 0;

  constructor(
    private readonly options: { target: string; node: AdsNode; clock: Clock; random: Random; logger: Logger; handler: AdsHandler },
  ) {
    this.backoff = new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
  }

  start(): void {
    this.client = new AggregatedDiscoveryServiceClient(this.options.target, credentials.createInsecure(), channelOptions);
    this.open();
  }

  close(): void {
    this.closed = true;
    this.retry?.cancel();
    this.stream?.cancel();
    this.client?.close();
  }

  /** Makes `names` the whole subscription of a type; what is new is asked for, what is gone is given up. */
  subscribe(typeUrl: TypeUrl, names: ReadonlySet<string>): void {
    const current = this.subscriptions.get(typeUrl);
    const added = [...names].filter((name) => !current?.has(name));
    const dropped = current === undefined ? [] : [...current].filter((name) => !names.has(name));
    if (current !== undefined && added.length === 0 && dropped.length === 0) return;
    this.subscriptions.set(typeUrl, new Set(names));
    if (added.length > 0 || dropped.length > 0) {
      this.send({ typeUrl, resourceNamesSubscribe: added, resourceNamesUnsubscribe: dropped });
    }
  }

  private open(): void {
    if (this.closed || this.client === undefined) return;
    const stream = this.client.deltaAggregatedResources();
    this.stream = stream;
    this.nodeSent = false;
    stream.on('data', (response: DeltaDiscoveryResponse) => void this.receive(stream, response));
    stream.on('error', (error) => this.options.logger.debug({ error: error.message }, 'xDS stream ended'));
    // The one event that every end of a call has, whatever ended it.
    stream.on('status', () => this.lost(stream));
    for (const [typeUrl, names] of this.subscriptions) {
      if (names.size === 0) continue;
      this.send({ typeUrl, resourceNamesSubscribe: [...names], initialResourceVersions: this.options.handler.versions(typeUrl) });
    }
  }

  private lost(stream: Stream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    if (this.connected) this.disconnects++;
    this.connected = false;
    if (!this.closed) this.retry = this.options.clock.after(this.backoff.next(), () => this.open());
  }

  private async receive(stream: Stream, response: DeltaDiscoveryResponse): Promise<void> {
    this.connected = true;
    this.backoff.reset();
    const findings = await this.options.handler.apply(response);
    // The stream may have been lost meanwhile: a nonce means nothing on another one.
    if (this.stream !== stream) return;
    const { typeUrl, nonce } = response;
    if (findings.length > 0) this.options.logger.warn({ typeUrl, findings: findings.slice(0, 10) }, 'xDS response refused');
    this.send({
      typeUrl,
      responseNonce: nonce,
      ...(findings.length > 0 ? { errorDetail: { code: internal, message: findings.join('\n').slice(0, 4096), details: [] } } : {}),
    });
  }

  private send(request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]): void {
    if (this.stream === undefined) return;
    const node = this.nodeSent ? undefined : this.describeNode();
    this.nodeSent = true;
    this.stream.write(DeltaDiscoveryRequest.fromPartial({ ...request, ...(node ? { node } : {}) }));
  }

  private describeNode(): Node {
    const { id, cluster, metadata, locality } = this.options.node;
    return Node.fromPartial({ id, cluster, metadata: { ...metadata }, locality, userAgentName: 'lateen' });
  }
}
