// What one proxy is told at its start. Plain data: it crosses from the supervisor to the proxies' process as JSON.
import type { AdsNode } from './config/ads-client.ts';
import type { Placement, SocketAddress } from './config/socket-address.ts';

export interface ProxyBootstrap {
  node: AdsNode;
  /** The control plane's ADS; without one, a proxy serves with what it is given at its start. */
  xds?: SocketAddress;
  /** The admin interface; port 0: any free one. */
  admin: SocketAddress;
  placement: Placement;
  /** The network namespace in which its sockets are, by its file, and the addresses that are reached from there; without one, the process's own. */
  namespace?: { file: string; range: string };
  /** Where its pod's names are answered; without it, they are not. `cluster`: who knows names of the cluster that no proxy is told of. */
  names?: SocketAddress & { cluster?: SocketAddress };
  /** Others redirect connections to it, as Istio's init container does: where they were going is asked of the kernel. */
  redirected?: boolean;
  /** The cluster of its own workload, by name: Envoy's `local_cluster_name`. Its endpoints come by EDS unless something else is said. */
  localCluster?: string;
  /** How many processes serve with its ports; one when left out. */
  concurrency?: number;
  /** The file that stands for the proxy's stdout: access logs to /dev/stdout go there; the process's own when left out. */
  standardOutput?: string;
  /** How long connections are asked to leave before a graceful drain closes what listens; without it, Istio's 45 seconds. */
  drainMs?: number;
}
