// What each HTTP filter is configured with where its cost is measured: something that it has to do for every request, and that lets it pass.
import { Buffer as BufferFilter } from '#codec/protobuf/generated/envoy/extensions/filters/http/buffer/v3/buffer';
import { Compressor } from '#codec/protobuf/generated/envoy/extensions/filters/http/compressor/v3/compressor';
import { Cors } from '#codec/protobuf/generated/envoy/extensions/filters/http/cors/v3/cors';
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import { FilterConfig as GrpcStats } from '#codec/protobuf/generated/envoy/extensions/filters/http/grpc_stats/v3/config';
import { HeaderMutation } from '#codec/protobuf/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation';
import { JwtAuthentication } from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import { LocalRateLimit } from '#codec/protobuf/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit';
import { Lua } from '#codec/protobuf/generated/envoy/extensions/filters/http/lua/v3/lua';
import { RBAC } from '#codec/protobuf/generated/envoy/extensions/filters/http/rbac/v3/rbac';
import type { MessageFns } from '#codec/protobuf/generated/google/protobuf/any';
import { Findings } from '#proxy/config/findings';
import { bufferType } from '#proxy/filters/http/buffer';
import { compressorType } from '#proxy/filters/http/compressor';
import { corsType } from '#proxy/filters/http/cors';
import { faultType } from '#proxy/filters/http/fault';
import { grpcStatsType } from '#proxy/filters/http/grpc-stats';
import { headerMutationType } from '#proxy/filters/http/header-mutation';
import { jwtAuthnType } from '#proxy/filters/http/jwt-authn';
import { localRateLimitType } from '#proxy/filters/http/local-ratelimit';
import { luaType } from '#proxy/filters/http/lua';
import { rbacType } from '#proxy/filters/http/rbac';
import { loadLua } from '#proxy/filters/lua/library';
import { configured, type HttpFilterConfig, type HttpFilterType } from '#proxy/http/http-filter';

type Part<T> = Parameters<MessageFns<T>['fromPartial']>[0];

function entry<T>(type: HttpFilterType, message: MessageFns<T>, value: Part<T>): () => HttpFilterConfig {
  return () => {
    const findings = new Findings();
    const config = type.decode(message.encode(message.fromPartial(value)).finish(), 'filter', findings);
    if (findings.list.length > 0) throw new Error(findings.list.join('\n'));
    return configured(type, 'measured', config);
  };
}

const exact = (value: string) => ({ matchPattern: { $case: 'exact', value } }) as const;

const measured: Readonly<Record<string, () => HttpFilterConfig>> = {
  cors: entry(corsType, Cors, {}),
  buffer: entry(bufferType, BufferFilter, { maxRequestBytes: 65_536 }),
  grpc_stats: entry(grpcStatsType, GrpcStats, {}),
  header_mutation: entry(headerMutationType, HeaderMutation, {
    mutations: { requestMutations: [{ action: { $case: 'append', value: { header: { key: 'x-mesh', value: 'yes' } } } }] },
  }),
  rbac: entry(rbacType, RBAC, {
    rules: {
      policies: {
        callers: {
          permissions: [
            { rule: { $case: 'urlPath', value: { rule: { $case: 'path', value: { matchPattern: { $case: 'prefix', value: '/' } } } } } },
          ],
          principals: [
            {
              identifier: {
                $case: 'header',
                value: { name: ':method', headerMatchSpecifier: { $case: 'stringMatch', value: exact('GET') } },
              },
            },
          ],
        },
      },
    },
  }),
  local_ratelimit: entry(localRateLimitType, LocalRateLimit, {
    statPrefix: 'bench',
    tokenBucket: { maxTokens: 1_000_000_000, tokensPerFill: 1_000_000_000, fillInterval: { seconds: 1 } },
    filterEnabled: { defaultValue: { numerator: 100 } },
    filterEnforced: { defaultValue: { numerator: 100 } },
  }),
  jwt_authn: entry(jwtAuthnType, JwtAuthentication, {}),
  // For requests with a header that none has.
  fault: entry(faultType, HTTPFault, {
    abort: { errorType: { $case: 'httpStatus', value: 503 }, percentage: { numerator: 100 } },
    headers: [{ name: 'x-fault', headerMatchSpecifier: { $case: 'presentMatch', value: true } }],
  }),
  lua: entry(luaType, Lua, {
    defaultSourceCode: {
      specifier: { $case: 'inlineString', value: "function envoy_on_request(handle) handle:headers():replace('x-mesh', 'yes') end" },
    },
  }),
  compressor: entry(compressorType, Compressor, {
    compressorLibrary: {
      name: 'gzip',
      typedConfig: { typeUrl: 'type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip' },
    },
    responseDirectionConfig: { commonConfig: { minContentLength: 10_000 } },
  }),
};

export const measuredFilters: readonly string[] = Object.keys(measured);

export async function filterOf(name: string): Promise<HttpFilterConfig[]> {
  const make = measured[name];
  if (make === undefined) throw new Error(`filter ${name} is not measured: ${measuredFilters.join(', ')} are`);
  if (name === 'lua') await loadLua();
  return [make()];
}
