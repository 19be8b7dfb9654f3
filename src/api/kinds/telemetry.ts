// Telemetry of Istio: the traces, metrics and access logs of some workloads.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, duration, enumOf, message, opaque, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { nonEmpty, oneTarget, selectorOrTargets } from '../schema/policy-target.ts';

const providers = Type.Array(message({ name: nonEmpty }, ['name']));
const mode = enumOf('CLIENT_AND_SERVER', 'CLIENT', 'SERVER');

const customTagSchema = message(
  {
    literal: message({ value: nonEmpty }, ['value']),
    environment: message({ name: nonEmpty, defaultValue: text }, ['name']),
    header: message({ name: nonEmpty, defaultValue: text }, ['name']),
    formatter: message({ value: nonEmpty }, ['value']),
  },
  [],
  { atMostOne: ['literal', 'environment', 'header', 'formatter'] },
);

const tracingSchema = message({
  match: message({ mode }),
  providers,
  customTags: Type.Record(Type.String(), customTagSchema),
  disableContextPropagation: bool,
  disableSpanReporting: bool,
  enableIstioTags: bool,
  randomSamplingPercentage: Type.Number({ minimum: 0, maximum: 100 }),
  useRequestIdForTraceSampling: bool,
});

const tagOverrideSchema = message({ operation: enumOf('UPSERT', 'REMOVE'), value: text }, [], {
  constraints: ['upsert-has-value', 'remove-has-no-value'],
});

const metricsOverrideSchema = message({
  match: message(
    {
      metric: enumOf(
        ...['ALL_METRICS', 'REQUEST_COUNT', 'REQUEST_DURATION', 'REQUEST_SIZE', 'RESPONSE_SIZE', 'TCP_OPENED_CONNECTIONS'],
        ...['TCP_CLOSED_CONNECTIONS', 'TCP_SENT_BYTES', 'TCP_RECEIVED_BYTES', 'GRPC_REQUEST_MESSAGES', 'GRPC_RESPONSE_MESSAGES'],
      ),
      customMetric: nonEmpty,
      mode,
    },
    [],
    { atMostOne: ['metric', 'customMetric'] },
  ),
  disabled: bool,
  tagOverrides: Type.Record(Type.String(), tagOverrideSchema),
});

const telemetrySpecSchema = message(
  {
    ...selectorOrTargets,
    tracing: Type.Array(tracingSchema),
    metrics: Type.Array(message({ providers, overrides: Type.Array(metricsOverrideSchema), reportingInterval: duration })),
    accessLogging: Type.Array(message({ match: message({ mode }), providers, disabled: bool, filter: message({ expression: text }) })),
  },
  [],
  { atMostOne: oneTarget },
);

const telemetrySchema = objectSchema('Telemetry', { spec: Type.Optional(telemetrySpecSchema), status: Type.Optional(opaque) });

export type Telemetry = Static<typeof telemetrySchema>;

export const telemetryKind: Kind = {
  kind: 'Telemetry',
  plural: 'telemetries',
  singular: 'telemetry',
  shortNames: ['telemetry'],
  group: 'telemetry.istio.io',
  versions: ['v1', 'v1alpha1'],
  namespaced: true,
  schema: telemetrySchema,
};
