// Who is at the other end: proxies tell each other by two headers, which programs never see. Inbound they are taken off requests and
// put on responses; outbound the other way round. Istio's `peer_metadata` filter; the values are opaque here.

import { Field, fieldName } from '#codec/http2/field';
import { Config } from '#codec/protobuf/generated/istio/peer_metadata';
import type { Head } from '#proxy/http/head';
import type { HttpFilterType } from '#proxy/http/http-filter';
import type { PeerMetadata } from '#proxy/runtime';
import type { Cluster } from '#proxy/upstream/cluster';

const metadataName = fieldName('x-envoy-peer-metadata');
const idName = fieldName('x-envoy-peer-metadata-id');

interface PeerMetadataConfig {
  discover: boolean;
  propagate: boolean;
  /** Nothing is said to clusters outside of the mesh. */
  meshAlone: boolean;
}

export const peerMetadataType: HttpFilterType<PeerMetadataConfig> = {
  message: 'io.istio.http.peer_metadata.Config',
  decode(bytes) {
    const { downstreamDiscovery, downstreamPropagation, upstreamDiscovery, upstreamPropagation } = Config.decode(bytes);
    return {
      discover: downstreamDiscovery.length + upstreamDiscovery.length > 0,
      propagate: downstreamPropagation.length + upstreamPropagation.length > 0,
      meshAlone: upstreamPropagation.some(({ methodSpecifier }) => methodSpecifier?.value.skipExternalClusters),
    };
  },
  make({ discover, propagate, meshAlone }, { direction, runtime }) {
    const inbound = direction === 'inbound';
    const own = fieldsOf(runtime.peerMetadata);
    const isTold = (cluster: Cluster | undefined): boolean => {
      const exchange = cluster?.config.metadataExchange ?? 'enabled';
      return exchange === 'enabled' || (exchange === 'external' && !meshAlone);
    };
    return {
      request(stream) {
        if (inbound && discover) stream.downstreamPeer = take(stream.request);
        if (!inbound && propagate && own.length > 0 && isTold(runtime.clusters.get(stream.destinationCluster))) tell(stream.request, own);
        return 'continue';
      },
      response(stream, head) {
        if (!inbound && discover) stream.upstreamPeer = take(head);
        // Only a peer that told who it is can make use of the answer.
        if (inbound && propagate && stream.downstreamPeer !== undefined) tell(head, own);
      },
    };
  },
};

function take(head: Head): PeerMetadata | undefined {
  if (!head.has(metadataName) && !head.has(idName)) return undefined;
  const metadata = head.header(metadataName);
  const id = head.header(idName);
  head.remove(metadataName);
  head.remove(idName);
  return { metadata: metadata ?? '', id: id ?? '' };
}

function tell(head: Head, own: readonly Field[]): void {
  for (const field of own) head.setField(field);
}

function fieldsOf(own: PeerMetadata | undefined): Field[] {
  return own === undefined ? [] : [new Field(metadataName, own.metadata), new Field(idName, own.id)];
}
