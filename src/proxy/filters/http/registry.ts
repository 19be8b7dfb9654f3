// Every HTTP filter that is known, one row each. To add one: a file beside this one that exports its HttpFilterType, and a row here.
import type { HttpFilterType } from '#proxy/http/http-filter';
import { bufferType } from './buffer.ts';
import { compressorType } from './compressor.ts';
import { corsType } from './cors.ts';
import { decompressorType } from './decompressor.ts';
import { dynamicForwardProxyType } from './dynamic-forward-proxy.ts';
import { extAuthzType } from './ext-authz.ts';
import { faultType } from './fault.ts';
import { grpcStatsType } from './grpc-stats.ts';
import { grpcWebType } from './grpc-web.ts';
import { headerMutationType } from './header-mutation.ts';
import { healthCheckType } from './health-check.ts';
import { istioAlpnType } from './istio-alpn.ts';
import { istioStatsType } from './istio-stats.ts';
import { jwtAuthnType } from './jwt-authn.ts';
import { localRateLimitType } from './local-ratelimit.ts';
import { luaType } from './lua.ts';
import { peerMetadataType } from './peer-metadata.ts';
import { rateLimitType } from './ratelimit.ts';
import { rbacType } from './rbac.ts';
import { routerType } from './router.ts';

export const httpFilterTypes: readonly HttpFilterType[] = [
  bufferType,
  compressorType,
  corsType,
  decompressorType,
  dynamicForwardProxyType,
  faultType,
  grpcStatsType,
  grpcWebType,
  headerMutationType,
  healthCheckType,
  istioAlpnType,
  istioStatsType,
  peerMetadataType,
  rbacType,
  routerType,
  extAuthzType,
  jwtAuthnType,
  localRateLimitType,
  luaType,
  rateLimitType,
];
