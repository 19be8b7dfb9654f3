// One HTTP rule of a VirtualService: which requests, and what becomes of them.
import { Type } from '@sinclair/typebox';
import { bool, duration, enumOf, int32, message, percent, port, regex, stringMap, text, texts, uint32 } from './field.ts';

const stringMatchFields = { exact: text, prefix: text, regex };
const ways = ['exact', 'prefix', 'regex'];

export const stringMatchSchema = message(stringMatchFields, [], { exactlyOne: ways });
/** `{}` asks that the header or parameter is there, whatever its value. */
const presenceMatchSchema = message(stringMatchFields, [], { atMostOne: ways });

/** The same; `*` in place of a regular expression asks that the header is not there at all. */
const absenceMatchSchema = message({ ...stringMatchFields, regex: text }, [], { atMostOne: ways });

export const destinationSchema = message({ host: text, subset: text, port: message({ number: port }) }, ['host']);

const headerOperationsSchema = message({ set: stringMap, add: stringMap, remove: texts });
const headersSchema = message({ request: headerOperationsSchema, response: headerOperationsSchema });

const httpMatchSchema = message({
  name: text,
  uri: stringMatchSchema,
  ignoreUriCase: bool,
  scheme: stringMatchSchema,
  method: stringMatchSchema,
  authority: stringMatchSchema,
  headers: Type.Record(Type.String(), presenceMatchSchema),
  withoutHeaders: Type.Record(Type.String(), absenceMatchSchema),
  queryParams: Type.Record(Type.String(), presenceMatchSchema),
  port,
  sourceLabels: stringMap,
  sourceNamespace: text,
  gateways: texts,
  statPrefix: text,
});

const httpRouteDestinationSchema = message({ destination: destinationSchema, weight: int32, headers: headersSchema }, ['destination']);

const redirectSchema = message(
  {
    uri: text,
    prefixRewrite: text,
    authority: text,
    scheme: text,
    port,
    derivePort: enumOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
    redirectCode: uint32,
  },
  [],
  { atMostOne: ['port', 'derivePort'] },
);

const directResponseSchema = message(
  { status: uint32, body: message({ string: text, bytes: text }, [], { atMostOne: ['string', 'bytes'] }) },
  ['status'],
);

const percentageSchema = message({ value: percent });

const faultSchema = message({
  delay: message({ percentage: percentageSchema, percent: int32, fixedDelay: duration, exponentialDelay: duration }, [], {
    atMostOne: ['fixedDelay', 'exponentialDelay'],
  }),
  abort: message({ percentage: percentageSchema, httpStatus: int32, grpcStatus: text, http2Error: text }, [], {
    atMostOne: ['httpStatus', 'grpcStatus', 'http2Error'],
  }),
});

const retriesSchema = message({
  attempts: int32,
  perTryTimeout: duration,
  retryOn: text,
  backoff: duration,
  retryRemoteLocalities: bool,
  retryIgnorePreviousHosts: bool,
});

const corsPolicySchema = message({
  allowOrigin: texts,
  allowOrigins: Type.Array(stringMatchSchema),
  allowMethods: texts,
  allowHeaders: texts,
  exposeHeaders: texts,
  maxAge: duration,
  allowCredentials: bool,
  unmatchedPreflights: enumOf('UNSPECIFIED', 'FORWARD', 'IGNORE'),
});

export const httpRouteSchema = message({
  name: text,
  match: Type.Array(httpMatchSchema),
  route: Type.Array(httpRouteDestinationSchema),
  redirect: redirectSchema,
  directResponse: directResponseSchema,
  delegate: message({ name: text, namespace: text }),
  rewrite: message({ uri: text, authority: text, uriRegexRewrite: message({ match: regex, rewrite: text }) }),
  timeout: duration,
  retries: retriesSchema,
  fault: faultSchema,
  mirror: destinationSchema,
  mirrors: Type.Array(message({ destination: destinationSchema, percentage: percentageSchema }, ['destination'])),
  mirrorPercentage: percentageSchema,
  mirrorPercent: uint32,
  mirror_percent: uint32,
  corsPolicy: corsPolicySchema,
  headers: headersSchema,
});
