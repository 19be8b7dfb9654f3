// The configuration as it is now, and every proxy that is connected: turns a new snapshot into pushes. No sockets;
// ads-server.ts brings the streams, control-plane.ts the snapshots.
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import { emptySnapshot } from '#control/mesh/snapshot';
import type { Impact } from '#control/push/impact';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import type { MeshProxy } from '#control/view/proxy';
import { type ProxyView, ViewFactory } from '#control/view/proxy-view';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { ResourceSet } from '#xds/resource';
import type { TypeUrl } from '#xds/resource-type';
import type { Interest } from '#xds/subscription';
import { DiscoveryMetrics, shortTypeName } from './metrics.ts';
import type { ConnectionObserver, ProxyConnection, ResourceSource } from './proxy-connection.ts';

const connectionsMax = 20_000;

export class Discovery implements ResourceSource, ConnectionObserver {
  readonly metrics = new DiscoveryMetrics();
  readonly connections = new Set<ProxyConnection>();
  ready = false;
  private snapshot_: MeshSnapshot = emptySnapshot();
  private views = new ViewFactory(this.snapshot_);
  /** As they were last asked for; a proxy's types are made from one view. */
  private viewByProxy = new Map<string, ProxyView>();
  private readonly translator = new Translator(new ResourceCache());
  private changedAtMs = 0;

  /** `onVerdict`: some proxy refuses what it did not, or no more. */
  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly onVerdict: () => void = () => {},
  ) {}

  /** What EnvoyFilters are read with. */
  usePatches(json: CanonicalJson): void {
    this.translator.usePatches(json);
  }

  get snapshot(): MeshSnapshot {
    return this.snapshot_;
  }

  get version(): string {
    return `r${this.snapshot_.revision}`;
  }

  /** What is sent from now on; nothing is pushed yet. */
  setSnapshot(snapshot: MeshSnapshot): void {
    if (snapshot === this.snapshot_) return;
    // Endpoints are no part of a view: while they alone change, views are kept.
    if (snapshot.configRevision !== this.snapshot_.configRevision) this.views = new ViewFactory(snapshot, this.views);
    this.snapshot_ = snapshot;
    this.changedAtMs = this.clock.now();
  }

  /** The first snapshot is whole. */
  setReady(): void {
    this.ready = true;
    for (const connection of this.connections) connection.resume();
  }

  push(impact: Impact): void {
    for (const connection of this.connections) connection.push(impact);
  }

  /** False when there are too many already. */
  connect(connection: ProxyConnection): boolean {
    if (this.connections.size >= connectionsMax) return false;
    this.connections.add(connection);
    return true;
  }

  disconnect(connection: ProxyConnection): void {
    this.connections.delete(connection);
    if (connection.proxy) this.viewByProxy.delete(connection.proxy.id);
    if ([...connection.subscriptions.values()].some(({ delivery }) => delivery.rejection)) this.onVerdict();
  }

  resources(proxy: MeshProxy, type: TypeUrl, interest: Interest): ResourceSet {
    return this.translator.translate(this.view(proxy), type, interest);
  }

  view(proxy: MeshProxy): ProxyView {
    const snapshot = this.snapshot_;
    const known = this.viewByProxy.get(proxy.id);
    if (known?.proxy === proxy && known.snapshot === snapshot) return known;
    const current = known?.proxy === proxy && known.snapshot.configRevision === snapshot.configRevision;
    const view = current ? { ...known, snapshot } : this.views.view(proxy, snapshot, known);
    this.viewByProxy.set(proxy.id, view);
    return view;
  }

  pushed(type: TypeUrl): void {
    this.metrics.pushed(type);
  }

  rejected(connection: ProxyConnection, type: TypeUrl, message: string): void {
    this.metrics.rejected(type);
    this.logger.warn({ proxy: connection.proxy?.name, type: shortTypeName[type], reason: message }, 'proxy refused its configuration');
    this.onVerdict();
  }

  mended(): void {
    this.onVerdict();
  }

  settled(): void {
    this.metrics.converged(this.clock.now() - this.changedAtMs);
  }
}
