// What a client does with the traffic that it sends to a host: Istio's TrafficPolicy, with its parts. Used by
// DestinationRule, and by Sidecar for its connection pools.
import { Type } from '@sinclair/typebox';
import { bool, duration, durationOrZero, enumOf, int32, message, percent, port, text, texts, uint32 } from './field.ts';

export const connectionPoolSchema = message({
  tcp: message({
    maxConnections: int32,
    connectTimeout: duration,
    idleTimeout: durationOrZero,
    maxConnectionDuration: duration,
    tcpKeepalive: message({ probes: uint32, time: duration, interval: duration }),
  }),
  http: message({
    http1MaxPendingRequests: int32,
    http2MaxRequests: int32,
    maxRequestsPerConnection: int32,
    maxRetries: int32,
    idleTimeout: duration,
    h2UpgradePolicy: enumOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
    useClientProtocol: bool,
    maxConcurrentStreams: int32,
    http2KeepAlive: message({ interval: duration, timeout: duration }),
  }),
});

const ringSize = Type.Integer({ minimum: 0 });

const consistentHashSchema = message(
  {
    httpHeaderName: text,
    httpCookie: message(
      { name: text, path: text, ttl: durationOrZero, attributes: Type.Array(message({ name: text, value: text }, ['name'])) },
      ['name'],
    ),
    useSourceIp: bool,
    httpQueryParameterName: text,
    ringHash: message({ minimumRingSize: ringSize }),
    maglev: message({ tableSize: ringSize }),
    minimumRingSize: ringSize,
  },
  [],
  { atMostOne: ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'] },
);

const failover = Type.Array(message({ from: text, to: text }));

const loadBalancerSchema = message(
  {
    simple: enumOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
    consistentHash: consistentHashSchema,
    backendUtilization: message({
      weightExpirationPeriod: durationOrZero,
      weightStabilizationPeriod: durationOrZero,
      weightUpdatePeriod: durationOrZero,
      errorUtilizationPenaltyPercent: uint32,
      metricNamesForComputingUtilization: texts,
    }),
    localityLbSetting: message({
      distribute: Type.Array(message({ from: text, to: Type.Record(Type.String(), uint32) })),
      failover,
      failoverPriority: texts,
      enabled: bool,
    }),
    zoneAwareLbSetting: message({
      enabled: bool,
      failover,
      failoverPriority: texts,
      minClusterSize: Type.Integer({ minimum: 1, maximum: 4_294_967_295 }),
    }),
    warmup: message({ duration, minimumPercent: percent, aggression: Type.Number({ minimum: 0 }) }, ['duration']),
    warmupDurationSecs: duration,
  },
  [],
  { atMostOne: ['simple', 'consistentHash', 'backendUtilization'] },
);

const outlierDetectionSchema = message({
  splitExternalLocalOriginErrors: bool,
  consecutiveLocalOriginFailures: uint32,
  consecutiveErrors: int32,
  consecutiveGatewayErrors: uint32,
  consecutive5xxErrors: uint32,
  interval: duration,
  baseEjectionTime: duration,
  maxEjectionPercent: Type.Integer({ minimum: 0, maximum: 100 }),
  minHealthPercent: Type.Integer({ minimum: 0, maximum: 100 }),
  outlierDetectionHttpErrorCodes: Type.Array(Type.Integer({ minimum: 100, maximum: 599 })),
});

const clientTlsSchema = message({
  mode: enumOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
  clientCertificate: text,
  privateKey: text,
  caCertificates: text,
  caCrl: text,
  credentialName: text,
  subjectAltNames: texts,
  sni: text,
  insecureSkipVerify: bool,
});

const portPolicyFields = {
  loadBalancer: loadBalancerSchema,
  connectionPool: connectionPoolSchema,
  outlierDetection: outlierDetectionSchema,
  tls: clientTlsSchema,
};

export const trafficPolicySchema = message({
  ...portPolicyFields,
  portLevelSettings: Type.Array(message({ port: message({ number: port }), ...portPolicyFields }), { maxItems: 4096 }),
  tunnel: message({ protocol: text, targetHost: text, targetPort: port }, ['targetHost', 'targetPort']),
  proxyProtocol: message({ version: enumOf('V1', 'V2') }),
  retryBudget: message({ percent, minRetryConcurrency: uint32, budgetInterval: durationOrZero }),
});
