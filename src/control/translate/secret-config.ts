// Where a proxy gets a secret: on the stream that this came on; or, the certificates of the mesh, from the agent beside it.
import {
  ApiConfigSource_ApiType as ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSource as ConfigSourceMessage,
} from '#codec/protobuf/generated/envoy/config/core/v3/config_source';
import { meshRoots, ownCertificate } from '#identity/secret-names';
import { adsSource, durationOf } from './message.ts';

/** Of a TLS context: the secret `name`. */
export function secretConfig(name: string): { name: string; sdsConfig: ConfigSource } {
  return { name, sdsConfig: name === ownCertificate || name === meshRoots ? agentSource() : adsSource() };
}

/** The agent's socket is a cluster of the bootstrap, by Istio's name. */
function agentSource(): ConfigSource {
  return ConfigSourceMessage.fromPartial({
    configSourceSpecifier: {
      $case: 'apiConfigSource',
      value: {
        apiType: ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: 'sds-grpc' } } }],
      },
    },
    initialFetchTimeout: durationOf(0),
    resourceApiVersion: ApiVersion.V3,
  });
}
