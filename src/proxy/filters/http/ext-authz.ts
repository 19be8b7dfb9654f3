// Asks a service whether a request may pass: Envoy's `ext_authz` filter, over gRPC or HTTP.
import {
  type BufferSettings,
  ExtAuthz,
  ExtAuthzPerRoute,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz';
import { fractionOf } from '#proxy/config/decode-matcher';
import type { Findings } from '#proxy/config/findings';
import type { Asker, Decision } from '#proxy/filters/ext-authz/decision';
import { decodeGrpcAsker } from '#proxy/filters/ext-authz/grpc-service';
import { decodeHttpAsker, decodeNames } from '#proxy/filters/ext-authz/http-service';
import { decodeMetadataMatcher, type MetadataTest } from '#proxy/filters/rbac/metadata-matcher';
import { type HttpFilter, type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import type { HeaderMutations } from '#proxy/route/route';
import type { CallContext } from '#proxy/upstream/cluster-call';
import { responseFlag } from '#telemetry/response-flags';
import { mutateRequest, mutateResponse } from './header-mutations.ts';

interface ExtAuthzConfig {
  readonly asker: (context: CallContext) => Asker;
  readonly failureModeAllow: boolean;
  /** Requests that pass because nobody could be asked say so. */
  readonly failureModeHeader: boolean;
  readonly statusOnError: number;
  readonly body: BodySettings | undefined;
  readonly clearRouteCache: boolean;
  /** In [0, 1] of the requests. */
  readonly enabled: number;
  readonly enabledMetadata: MetadataTest | undefined;
  readonly denyAtDisable: boolean;
  readonly statPrefix: string;
}

interface BodySettings {
  readonly bytesMax: number;
  /** More than that: what there is is sent, instead of refusing the request. */
  readonly allowPartial: boolean;
}

interface ExtAuthzRouteConfig {
  readonly disabled: boolean;
  readonly contextExtensions: Readonly<Record<string, string>>;
  /** In the filter's place; undefined: the filter's. */
  readonly body: BodySettings | 'none' | undefined;
}

export const extAuthzType: HttpFilterType<ExtAuthzConfig, ExtAuthzRouteConfig> = {
  message: 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
  decode,
  perRoute: {
    message: 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
    decode(bytes) {
      const { override } = ExtAuthzPerRoute.decode(bytes);
      const settings = override?.$case === 'checkSettings' ? override.value : undefined;
      return {
        disabled: override?.value === true,
        contextExtensions: settings?.contextExtensions ?? {},
        body: settings?.disableRequestBodyBuffering ? 'none' : bodySettings(settings?.withRequestBody),
      };
    },
  },
  make(config, { name, runtime, statPrefix }) {
    const ask = config.asker(runtime);
    const counter = (key: string) => runtime.counters.get(`http.${statPrefix}.ext_authz.${config.statPrefix}${key}`);
    const counters = { allow: counter('ok'), deny: counter('denied'), error: counter('error') };
    const filter: HttpFilter = {
      request(stream) {
        const route = routeConfig(stream, extAuthzType, name);
        if (route?.disabled) return 'continue';
        if (!isEnabled(stream, config)) {
          if (!config.denyAtDisable) return 'continue';
          stream.reply({ status: config.statusOnError, flags: responseFlag.unauthorizedExternalService, details: 'ext_authz_denied' });
          return 'stop';
        }
        const inquire = (partial: boolean) => {
          const body = wanted === undefined ? Buffer.alloc(0) : (stream.requestBody?.contents() ?? Buffer.alloc(0));
          let decided = false;
          const sent = wanted === undefined ? body : body.subarray(0, wanted.bytesMax);
          const call = ask(stream, sent, partial, route?.contextExtensions ?? {}, (decision) => {
            decided = true;
            stream.pending = undefined;
            counters[decision.kind].value++;
            if (decide(stream, filter, config, decision)) stream.continueRequest();
          });
          if (!decided) stream.pending = call;
        };
        const wanted = route?.body === 'none' ? undefined : (route?.body ?? config.body);
        if (wanted === undefined || stream.request.upgrade !== '') inquire(false);
        else
          stream.bufferRequest(
            wanted.bytesMax,
            () => inquire(false),
            () => (wanted.allowPartial ? inquire(true) : tooLarge(stream)),
          );
        return 'stop';
      },
      response(stream, head) {
        const kept = stream.kept(filter) as HeaderMutations | undefined;
        if (kept !== undefined) mutateResponse(head, kept);
      },
    };
    return filter;
  },
};

function decode(bytes: Uint8Array, field: string, findings: Findings): ExtAuthzConfig {
  const config = ExtAuthz.decode(bytes);
  const { services } = config;
  const allowed = decodeNames(config.allowedHeaders, `${field}.allowed_headers`, findings);
  const disallowed = decodeNames(config.disallowedHeaders, `${field}.disallowed_headers`, findings);
  const tells = (name: string) => (allowed?.(name) ?? true) && !(disallowed?.(name) ?? false);
  const options = {
    tells,
    metadataNamespaces: config.metadataContextNamespaces,
    packAsBytes: config.withRequestBody?.packAsBytes ?? false,
  };
  if (services === undefined) findings.report(field, 'needs grpc_service or http_service');
  const nobody = () => (): never => {
    throw new Error('unreachable: a filter without a service is refused');
  };
  return {
    asker:
      services?.$case === 'grpcService'
        ? decodeGrpcAsker(services.value, options, `${field}.grpc_service`, findings)
        : services?.$case === 'httpService'
          ? decodeHttpAsker(services.value, allowed && tells, `${field}.http_service`, findings)
          : nobody,
    failureModeAllow: config.failureModeAllow,
    failureModeHeader: config.failureModeAllowHeaderAdd,
    statusOnError: config.statusOnError?.code || 403,
    body: bodySettings(config.withRequestBody),
    clearRouteCache: config.clearRouteCache,
    enabled: fractionOf(config.filterEnabled?.defaultValue, 1),
    enabledMetadata:
      config.filterEnabledMetadata && decodeMetadataMatcher(config.filterEnabledMetadata, `${field}.filter_enabled_metadata`, findings),
    denyAtDisable: config.denyAtDisable?.defaultValue ?? false,
    statPrefix: config.statPrefix === '' ? '' : `${config.statPrefix}.`,
  };
}

function bodySettings(settings: BufferSettings | undefined): BodySettings | undefined {
  return settings && { bytesMax: settings.maxRequestBytes, allowPartial: settings.allowPartialMessage };
}

function isEnabled(stream: HttpStream, { enabled, enabledMetadata }: ExtAuthzConfig): boolean {
  if (enabledMetadata !== undefined && !enabledMetadata((name) => stream.metadataOf(name))) return false;
  return enabled >= 1 || stream.manager.runtime.random.next() < enabled;
}

/** True: the request goes on. */
function decide(stream: HttpStream, filter: HttpFilter, config: ExtAuthzConfig, decision: Decision): boolean {
  const flags = responseFlag.unauthorizedExternalService;
  switch (decision.kind) {
    case 'allow':
      mutateRequest(stream.request, decision.request);
      stream.keep(filter, decision.response);
      stream.setMetadata('envoy.filters.http.ext_authz', decision.metadata);
      if (config.clearRouteCache) stream.chooseRouteAgain();
      return true;
    case 'deny':
      stream.reply({ status: decision.status, flags, details: 'ext_authz_denied', body: decision.body, headers: decision.headers });
      return false;
    case 'error':
      if (config.failureModeAllow) {
        if (config.failureModeHeader) stream.request.set('x-envoy-auth-failure-mode-allowed', 'true');
        return true;
      }
      stream.reply({ status: config.statusOnError, flags, details: 'ext_authz_error' });
      return false;
  }
}

function tooLarge(stream: HttpStream): void {
  stream.reply({ status: 413, flags: responseFlag.none, details: 'request_payload_too_large', body: 'Payload Too Large' });
}
