// Who takes traces and access logs, and who is asked whether a request may pass: the part of MeshConfig's `extensionProviders` that Lateen acts on, read and checked.
import { isPlainObject } from '#api/json';
import { durationMs } from '#foundation/duration';

export type ExtensionProvider =
  | { name: string; kind: 'zipkin'; host: string; port: number; path: string; traceId128: boolean; urlLengthMax: number | undefined }
  | { name: string; kind: 'opentelemetry'; host: string; port: number; httpPath: string | undefined; urlLengthMax: number | undefined }
  | {
      name: string;
      kind: 'envoyFileAccessLog';
      path: string;
      text: string | undefined;
      labels: Readonly<Record<string, unknown>> | undefined;
    }
  | {
      name: string;
      kind: 'envoyOtelAls';
      host: string;
      port: number;
      logName: string;
      text: string | undefined;
      labels: Readonly<Record<string, unknown>>;
    }
  | AuthorizationProvider
  /** Of a kind that is for others, or not for us yet. */
  | { name: string; kind: 'other' };

interface Inquiry {
  name: string;
  host: string;
  port: number;
  timeoutMs: number;
  /** Requests pass where the service cannot be asked. */
  failOpen: boolean;
  /** Where it cannot, and they do not. */
  statusOnError: number;
  clearRouteCache: boolean;
  /** Of the request's body, what it is told; undefined: nothing. */
  body: { maxRequestBytes: number; allowPartialMessage: boolean; packAsBytes: boolean } | undefined;
}

/** Header names may begin or end with `*`. */
export type AuthorizationProvider =
  | (Inquiry & { kind: 'envoyExtAuthzGrpc' })
  | (Inquiry & {
      kind: 'envoyExtAuthzHttp';
      pathPrefix: string;
      toldHeaders: readonly string[];
      addedHeaders: Readonly<Record<string, string>>;
      /** Of its answer, what the workload gets. */
      onAllow: readonly string[];
      /** And what the client does. */
      onDeny: readonly string[];
      downstreamOnAllow: readonly string[];
    });

/** Throws what is wrong with one of them. */
export function readExtensionProviders(value: unknown): ExtensionProvider[] {
  if (!Array.isArray(value)) throw new Error('must be a list');
  return value.map((each) => {
    if (!isPlainObject(each) || typeof each['name'] !== 'string' || each['name'] === '') throw new Error('each needs a name');
    const { name } = each;
    const kind = kinds.find((known) => isPlainObject(each[known]));
    return kind === undefined ? { name, kind: 'other' } : readers[kind](name, each[kind] as Fields);
  });
}

type Fields = Readonly<Record<string, unknown>>;
type ReadKind = Exclude<ExtensionProvider['kind'], 'other'>;

const readers: { readonly [K in ReadKind]: (name: string, fields: Fields) => ExtensionProvider } = {
  zipkin: (name, fields) => ({
    ...{ name, kind: 'zipkin', ...serverOf(name, fields), urlLengthMax: lengthOf(fields) },
    path: textOf(fields, 'path') ?? '/api/v2/spans',
    // Istio's default.
    traceId128: fields['enable64bitTraceId'] !== true,
  }),
  opentelemetry: (name, fields) => ({
    ...{ name, kind: 'opentelemetry', ...serverOf(name, fields), urlLengthMax: lengthOf(fields) },
    httpPath: isPlainObject(fields['http']) ? (textOf(fields['http'], 'path') ?? '/') : undefined,
  }),
  envoyFileAccessLog: (name, fields) => ({
    ...{ name, kind: 'envoyFileAccessLog', path: textOf(fields, 'path') ?? '/dev/stdout', labels: undefined },
    ...formatOf(fields),
  }),
  envoyOtelAls: (name, fields) => ({
    ...{ name, kind: 'envoyOtelAls', ...serverOf(name, fields), logName: textOf(fields, 'logName') ?? 'otel_envoy_accesslog' },
    ...formatOf(fields),
    labels: formatOf(fields).labels ?? {},
  }),
  envoyExtAuthzGrpc: (name, fields) => ({ kind: 'envoyExtAuthzGrpc', ...inquiryOf(name, fields) }),
  envoyExtAuthzHttp: (name, fields) => ({
    ...{ kind: 'envoyExtAuthzHttp', ...inquiryOf(name, fields), pathPrefix: textOf(fields, 'pathPrefix') ?? '' },
    toldHeaders: [...listOf(fields, 'includeRequestHeadersInCheck'), ...listOf(fields, 'includeHeadersInCheck')],
    addedHeaders: isPlainObject(fields['includeAdditionalHeadersInCheck'])
      ? Object.fromEntries(Object.entries(fields['includeAdditionalHeadersInCheck']).map(([key, value]) => [key, String(value)]))
      : {},
    onAllow: listOf(fields, 'headersToUpstreamOnAllow'),
    onDeny: listOf(fields, 'headersToDownstreamOnDeny'),
    downstreamOnAllow: listOf(fields, 'headersToDownstreamOnAllow'),
  }),
};

/** Istio's default. */
const inquiryMsDefault = 600_000;

function inquiryOf(name: string, fields: Fields): Inquiry {
  const { timeout, statusOnError = '403', failOpen = false, clearRouteCache = false, includeRequestBodyInCheck: body } = fields;
  const timeoutMs = timeout === undefined ? inquiryMsDefault : durationMs(String(timeout));
  if (timeoutMs === undefined) throw new Error(`${name}: timeout is no duration, such as 10s`);
  const status = Number(statusOnError);
  if (!(Number.isInteger(status) && status >= 200 && status < 600)) throw new Error(`${name}: statusOnError is no status`);
  return {
    ...{ name, ...serverOf(name, fields), timeoutMs, failOpen: failOpen === true, statusOnError: status },
    clearRouteCache: clearRouteCache === true,
    body: isPlainObject(body) ? bodyOf(body) : undefined,
  };
}

const bodyBytesDefault = 4096;

function bodyOf({ maxRequestBytes, allowPartialMessage, packAsBytes }: Fields): NonNullable<Inquiry['body']> {
  return {
    maxRequestBytes: Number(maxRequestBytes) || bodyBytesDefault,
    allowPartialMessage: allowPartialMessage === true,
    packAsBytes: packAsBytes === true,
  };
}

function listOf(fields: Fields, field: string): readonly string[] {
  const value = fields[field] ?? [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) throw new Error(`${field} must be a list of texts`);
  return value;
}

const kinds = Object.keys(readers) as ReadKind[];

/** `service` may have a namespace before a slash. */
function serverOf(name: string, fields: Fields): { host: string; port: number } {
  const host = textOf(fields, 'service')?.split('/').at(-1) ?? '';
  const port = Number(fields['port']);
  if (host === '' || !(Number.isInteger(port) && port > 0)) throw new Error(`${name} needs a service and a port`);
  return { host, port };
}

function lengthOf({ maxTagLength }: Fields): number | undefined {
  return typeof maxTagLength === 'number' ? maxTagLength : undefined;
}

function textOf(fields: Fields, field: string): string | undefined {
  const value = fields[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function formatOf({ logFormat }: Fields): { text: string | undefined; labels: Readonly<Record<string, unknown>> | undefined } {
  const { text, labels } = isPlainObject(logFormat) ? logFormat : {};
  return { text: typeof text === 'string' ? text : undefined, labels: isPlainObject(labels) ? labels : undefined };
}
