// Envoy's HttpGrpcAccessLogConfig and TcpGrpcAccessLogConfig -> AlsSink: which service entries go to, and what stands in them.
import type {
  CommonGrpcAccessLogConfig,
  HttpGrpcAccessLogConfig,
  TcpGrpcAccessLogConfig,
} from '#codec/protobuf/generated/envoy/extensions/access_loggers/grpc/v3/als';
import { httpEntry, tcpEntry } from '#telemetry/grpc-access-log';
import type { AlsSink } from './access-log.ts';
import { type Findings, milliseconds } from './findings.ts';
import { decodeGrpcTarget } from './grpc-target.ts';

/** Envoy's. */
const flushIntervalMsDefault = 1000;
const batchBytesMaxDefault = 16_384;
const timeoutMsDefault = 5000;

export function decodeHttpAlsSink(config: HttpGrpcAccessLogConfig, field: string, findings: Findings): AlsSink {
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const headers = {
    request: lower(config.additionalRequestHeadersToLog),
    response: lower(config.additionalResponseHeadersToLog),
    trailers: lower(config.additionalResponseTrailersToLog),
  };
  return {
    ...decodeCommon(config.commonConfig, field, findings),
    entry: (exchange) => ({ kind: 'http', entry: httpEntry(exchange, headers) }),
  };
}

export function decodeTcpAlsSink(config: TcpGrpcAccessLogConfig, field: string, findings: Findings): AlsSink {
  return {
    ...decodeCommon(config.commonConfig, field, findings),
    entry: (exchange) => ({ kind: 'tcp', entry: tcpEntry(exchange) }),
  };
}

function decodeCommon(common: CommonGrpcAccessLogConfig | undefined, field: string, findings: Findings): Omit<AlsSink, 'entry'> {
  return {
    kind: 'als',
    service: decodeGrpcTarget(common?.grpcService, timeoutMsDefault, `${field}.common_config.grpc_service`, findings),
    logName: common?.logName ?? '',
    flushIntervalMs: milliseconds(common?.bufferFlushInterval, flushIntervalMsDefault),
    batchBytesMax: common?.bufferSizeBytes ?? batchBytesMaxDefault,
  };
}
