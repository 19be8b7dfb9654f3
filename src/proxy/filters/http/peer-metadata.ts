// Who is at the other end: proxies tell each other by two headers, which programs never see. Inbound they are taken off requests and
// put on responses; outbound the other way round. Istio's `peer_metadata` filter; the values are opaque here.
import type { HttpFilterConfig } from '#proxy/config/http-connection-manager';
import type { TrafficDirection } from '#proxy/config/listener';
import type { HttpFilter } from '#proxy/http/connection-manager';
import type { Head } from '#proxy/http/head';
import type { PeerMetadata } from '#proxy/runtime';

const metadataHeader = 'x-envoy-peer-metadata';
const idHeader = 'x-envoy-peer-metadata-id';

type Config = Extract<HttpFilterConfig, { kind: 'peer_metadata' }>;

export function peerMetadataFilter(config: Config, direction: TrafficDirection, own: PeerMetadata | undefined): HttpFilter {
  const inbound = direction === 'inbound';
  return {
    request(stream) {
      if (inbound && config.discover) stream.downstreamPeer = take(stream.request);
      if (!inbound && config.propagate) tell(stream.request, own);
      return 'continue';
    },
    response(stream, head) {
      if (!inbound && config.discover) stream.upstreamPeer = take(head);
      // Only a peer that told who it is can make use of the answer.
      if (inbound && config.propagate && stream.downstreamPeer !== undefined) tell(head, own);
    },
  };
}

function take(head: Head): PeerMetadata | undefined {
  if (!head.has(metadataHeader) && !head.has(idHeader)) return undefined;
  const metadata = head.header(metadataHeader);
  const id = head.header(idHeader);
  head.remove(metadataHeader);
  head.remove(idHeader);
  return { metadata: metadata ?? '', id: id ?? '' };
}

function tell(head: Head, own: PeerMetadata | undefined): void {
  if (own === undefined) return;
  head.set(metadataHeader, own.metadata);
  head.set(idHeader, own.id);
}
