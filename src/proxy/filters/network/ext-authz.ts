// Asks a service whether a connection may be served: Envoy's network `ext_authz` filter, over gRPC. Until it has answered nothing is read.
import { ExtAuthz } from '#codec/protobuf/generated/envoy/extensions/filters/network/ext_authz/v3/ext_authz';
import type { Findings } from '#proxy/config/findings';
import type { ConnectionGateConfig } from '#proxy/config/listener';
import { decodeGrpcConnectionAsker } from '#proxy/filters/ext-authz/grpc-service';
import { decodeMetadataMatcher } from '#proxy/filters/rbac/metadata-matcher';

export function decodeNetworkExtAuthz(
  name: string,
  bytes: Uint8Array,
  field: string,
  findings: Findings,
): ConnectionGateConfig | undefined {
  const { grpcService, filterEnabledMetadata, failureModeAllow, statPrefix } = ExtAuthz.decode(bytes);
  if (grpcService === undefined) {
    findings.report(`${field}.grpc_service`, 'is missing');
    return undefined;
  }
  const asker = decodeGrpcConnectionAsker(grpcService, `${field}.grpc_service`, findings);
  const isAsked = filterEnabledMetadata && decodeMetadataMatcher(filterEnabledMetadata, `${field}.filter_enabled_metadata`, findings);
  return {
    name,
    rules: undefined,
    make(runtime) {
      const ask = asker(runtime);
      const counter = (key: string) => runtime.counters.get(`ext_authz.${statPrefix}.${key}`);
      const counters = { allow: counter('ok'), deny: counter('denied'), error: counter('error') };
      return ({ connection, metadata }, decided) => {
        if (isAsked?.((filter) => metadata.get(filter)) === false) {
          decided(true);
          return undefined;
        }
        return ask(connection, runtime.clock.wallMs(), ({ kind }) => {
          counters[kind].value++;
          decided(kind === 'allow' || (kind === 'error' && failureModeAllow));
        });
      };
    },
  };
}
