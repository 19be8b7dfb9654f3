// The control plane, put together: source -> mesh -> view -> translate -> push -> discovery. main/ gives it its source,
// its addresses and its clock.

import type { ApiObject } from '#api/kind';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { certificateService } from '#identity/certificate-service';
import type { CertificateSigner } from '#identity/certificate-signer';
import { AdsServer } from './discovery/ads-server.ts';
import { certificateHandlers } from './discovery/certificate-server.ts';
import { DebugServer } from './discovery/debug-server.ts';
import { Discovery } from './discovery/discovery.ts';
import { type Refusal, refusalsOf, refusedKinds } from './discovery/refusals.ts';
import { fold } from './mesh/fold.ts';
import type { MeshConfig } from './mesh/mesh-config.ts';
import { emptySnapshot, type MeshSnapshot } from './mesh/snapshot.ts';
import { impactOf } from './push/impact.ts';
import { PushScheduler } from './push/push-scheduler.ts';
import type { SourceEvent, SourceHandlers } from './sources/event.ts';

/** Where objects come from: a `StoreSource`, or a test's own. */
export interface MeshSource {
  start(handlers: SourceHandlers): void;
  stop(): void;
}

export interface SocketName {
  host: string;
  /** 0: any. */
  port: number;
}

export interface ControlPlaneOptions {
  source: MeshSource;
  clock: Clock;
  logger: Logger;
  xdsAddress: SocketName;
  debugAddress: SocketName;
  meshConfig?: Partial<MeshConfig>;
  /** For `/debug/config_dump`, which is not there without it, and for EnvoyFilters, which have no effect. */
  canonicalJson?: () => Promise<CanonicalJson>;
  /** The mesh's certificate authority; without it workloads get no certificates here. */
  signer?: CertificateSigner;
  /** Hears what proxies refuse whenever that may have changed, with all the objects that it may be of; and once some time after the start. */
  onRefusals?: (refusals: readonly Refusal[], objects: Iterable<ApiObject>) => void;
}

/** Verdicts that come together are told together. */
const verdictsMs = 100;
/** By then proxies that were there before have said what they think. */
const firstVerdictsMs = 10_000;

export class ControlPlane {
  readonly discovery: Discovery;
  private readonly ads: AdsServer;
  private readonly debug: DebugServer;
  private readonly scheduler: PushScheduler;
  /** Ahead of what discovery sends while changes are gathered. */
  private snapshot: MeshSnapshot;
  private readable = false;
  private verdicts: Timer | undefined;

  constructor(private readonly options: ControlPlaneOptions) {
    const { clock, logger, meshConfig } = options;
    this.snapshot = emptySnapshot(meshConfig);
    this.discovery = new Discovery(clock, logger, () => this.tellRefusals(verdictsMs));
    this.ads = new AdsServer(this.discovery, logger);
    const { signer } = options;
    if (signer)
      this.ads.add(
        certificateService,
        certificateHandlers(signer, () => this.snapshot.config.trustDomain, logger),
      );
    this.debug = new DebugServer(this.discovery, options.canonicalJson);
    this.scheduler = new PushScheduler({
      clock,
      push: (impact) => {
        this.discovery.setSnapshot(this.snapshot);
        this.discovery.push(impact);
      },
    });
  }

  /** Resolves to the bound addresses. Throws MeshError ADDRESS_IN_USE or LISTEN_FAILED, leaving nothing open. */
  async start(): Promise<{ xds: SocketName; debug: SocketName }> {
    const { xdsAddress, debugAddress, source } = this.options;
    const xdsPort = await this.ads.listen(xdsAddress);
    try {
      const debugPort = await this.debug.listen(debugAddress);
      source.start({ events: (events) => this.apply(events), synced: () => this.synced() });
      return { xds: { host: xdsAddress.host, port: xdsPort }, debug: { host: debugAddress.host, port: debugPort } };
    } catch (thrown) {
      this.ads.stop();
      throw thrown;
    }
  }

  async stop(): Promise<void> {
    this.options.source.stop();
    this.scheduler.stop();
    this.verdicts?.cancel();
    this.ads.stop();
    await this.debug.stop();
  }

  /** What the ConfigMap `istio` is laid over is another from now on. */
  install(meshConfig: MeshConfig): void {
    this.apply([], meshConfig);
  }

  private apply(events: readonly SourceEvent[], installed?: MeshConfig): void {
    const { snapshot, changes } = fold(this.snapshot, events, installed);
    const before = this.snapshot;
    this.snapshot = snapshot;
    if (!this.discovery.ready) return;
    if (snapshot.revision === before.revision) {
      // Problems alone: nothing to send, but they are to be seen.
      if (snapshot !== before && this.discovery.snapshot.revision === snapshot.revision) this.discovery.setSnapshot(snapshot);
      return;
    }
    const impact = impactOf(changes, (hostname) => (snapshot.services.get(hostname)?.resolution ?? 'eds') !== 'eds');
    this.whenReadable(() => this.scheduler.changed(impact));
  }

  /** EnvoyFilters are read with what takes a moment to load; without any it is not loaded. Once it is there, at once. */
  private whenReadable(then: () => void): void {
    const { canonicalJson, logger } = this.options;
    if (this.readable || canonicalJson === undefined || this.snapshot.envoyFilters.size === 0) {
      then();
      return;
    }
    canonicalJson()
      .then((json) => {
        this.readable = true;
        this.discovery.usePatches(json);
      })
      .catch((thrown: unknown) => logger.error({ error: messageOf(thrown) }, 'EnvoyFilters cannot be read, and have no effect'))
      .finally(then);
  }

  private synced(): void {
    this.whenReadable(() => {
      this.discovery.setSnapshot(this.snapshot);
      this.discovery.setReady();
      this.tellRefusals(firstVerdictsMs);
    });
  }

  private tellRefusals(delayMs: number): void {
    const { clock, onRefusals } = this.options;
    if (!onRefusals) return;
    this.verdicts?.cancel();
    this.verdicts = clock.after(
      delayMs,
      () => {
        const { objects } = this.discovery.snapshot;
        const candidates = refusedKinds.flatMap((kind) => [...(objects.get(kind)?.values() ?? [])]);
        onRefusals(refusalsOf(this.discovery), candidates);
      },
      { unref: true },
    );
  }
}
