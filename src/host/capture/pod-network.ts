// How pods are on the network of this machine: the port through which host.ts and pod-worker.ts see every capture mode alike.
import type { Pod } from '#api/kinds/pod';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import type { Placement } from '#proxy/config/socket-address';
import type { ProxySettings } from '../proxy-settings.ts';
import type { MountPlan } from '../volumes/mount.ts';
import type { CaptureMode } from './capture-mode.ts';
import type { WayOut } from './connection-relay.ts';
import type { ServiceRoutes } from './service-table.ts';

export interface PodAddresses {
  /** What the mesh sees: endpoints, listeners, the admin interface. */
  pod: string;
  /** The pod's own 127.0.0.1, which its proxy calls so. */
  loopback: string;
}

/** What the proxy of a pod is told of the pod's network. */
export interface ProxyNetwork {
  placement: Omit<Placement, 'published'>;
  namespace: ProxyBootstrap['namespace'];
  /** Where names are answered in the pod; undefined: they are not. */
  names: ProxyBootstrap['names'];
  /** By which the control plane knows how traffic comes to the proxy: Istio's INTERCEPTION_MODE and what belongs to it. */
  metadata: Readonly<Record<string, string>>;
}

export interface PodNetwork {
  readonly addresses: PodAddresses;
  readonly proxy: ProxyNetwork;
  /** What programs of the pod are told: where to listen (`HOST`, `APP_ADDRESS`), and where they must be told, by what to go out. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the machine asks the pod's programs how they are, past the proxy; `localAddress`: from where it must ask. */
  readonly probe: { host: string; localAddress?: string };
  /** What is wrong with what the pod asks for, in words; the rest of it is done. */
  readonly problems: readonly string[];
  /** Resolves when programs and proxies can be on it. Rejects with a MeshError, and may then be asked again. */
  open(): Promise<void>;
  /** Whether programs see mounts where they are wanted; else they are to be told where they are. */
  readonly mounts: boolean;
  /** A command as it has to be started to be on it, and to see what is mounted. */
  inside(command: readonly string[], plan?: MountPlan): readonly string[];
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}

export interface PodNetworks {
  readonly mode: CaptureMode;
  /** Where pods' proxies reach this process, and ports of the machine that are led on there. */
  readonly machineAddress: string;
  /** To the machine itself, and out of it. */
  readonly way: WayOut;
  /** `10.96`: of new cluster IPs. */
  readonly serviceNetwork: string;
  /** Where cluster IPs lead, for who has no proxy: Services that have changed. Rejects with a MeshError; may be told the next all the same. */
  setServices(changes: ServiceRoutes): Promise<void>;
  /** A network for a pod, not open yet; `metadata`: what its proxy is set to say of itself. Throws MeshError `PODS_MAX`. */
  attach(pod: Pod, metadata?: ProxySettings['metadata']): PodNetwork;
  /** Resolves when nothing of any of them is left. */
  close(): Promise<void>;
}
