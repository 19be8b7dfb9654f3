// Resources in few words, for golden files: what a reader asks of a configuration, not every field of it.
import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import type { Address } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import type { DataSource, HeaderValueOption, TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import type { Filter, FilterChain } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type {
  HeaderMatcher,
  Route,
  RouteAction,
  RouteMatch,
  VirtualHost,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { TcpProxy } from '#codec/protobuf/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy';
import {
  type CertificateValidationContext,
  TlsParameters_TlsProtocol,
} from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/common';
import { Secret } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/secret';
import {
  type CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/tls';
import type { StringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';
import type { FractionalPercent } from '#codec/protobuf/generated/envoy/type/v3/percent';
import type { Duration } from '#codec/protobuf/generated/google/protobuf/duration';
import type { Translator } from '#control/translate/translator';
import type { ProxyView } from '#control/view/proxy-view';
import { typeUrl } from '#xds/resource-type';

export interface Summary {
  clusters: Record<string, string>;
  endpoints: Record<string, string[]>;
  listeners: Record<string, string[]>;
  routes: Record<string, Record<string, string[]>>;
  secrets?: Record<string, string>;
}

/** Everything that a proxy would end up with, following references as a proxy does. */
export function summarize(translator: Translator, view: ProxyView, listenerNames: string[] = []): Summary {
  const wildcard = { wildcard: listenerNames.length === 0, names: new Set(listenerNames) };
  const clusters = [...translator.translate(view, typeUrl.cluster, { wildcard: true, names: new Set() }).values()].map((r) =>
    Cluster.decode(r.body.value),
  );
  const listeners = [...translator.translate(view, typeUrl.listener, wildcard).values()].map((r) => Listener.decode(r.body.value));
  const eds = new Set(clusters.flatMap((cluster) => (cluster.edsClusterConfig ? [cluster.edsClusterConfig.serviceName] : [])));
  const rds = new Set(listeners.flatMap(routeNames));
  const sds = new Set(
    [...clusters, ...listeners.flatMap(({ filterChains }) => filterChains)].flatMap(({ transportSocket }) => secretNames(transportSocket)),
  );
  const secrets = [...translator.translate(view, typeUrl.secret, { wildcard: false, names: sds }).values()];
  const endpoints = [...translator.translate(view, typeUrl.endpoint, { wildcard: false, names: eds }).values()];
  const routes = [...translator.translate(view, typeUrl.route, { wildcard: false, names: rds }).values()];
  return {
    clusters: Object.fromEntries(clusters.map((cluster) => [cluster.name, clusterLine(cluster)])),
    endpoints: Object.fromEntries(endpoints.map((r) => [r.name, endpointLines(ClusterLoadAssignment.decode(r.body.value))])),
    listeners: Object.fromEntries(listeners.map((listener) => [listener.name, listenerLines(listener)])),
    routes: Object.fromEntries(routes.map((r) => [r.name, routeLines(RouteConfiguration.decode(r.body.value))])),
    ...(secrets.length > 0 && { secrets: Object.fromEntries(secrets.map((r) => [r.name, secretText(Secret.decode(r.body.value))])) }),
  };
}

function clusterLine(cluster: Cluster): string {
  const type = cluster.clusterDiscoveryType?.$case === 'type' ? Cluster_DiscoveryType[cluster.clusterDiscoveryType.value] : '?';
  const threshold = cluster.circuitBreakers?.thresholds[0];
  const limits = Object.entries({
    connections: threshold?.maxConnections,
    pending: threshold?.maxPendingRequests,
    requests: threshold?.maxRequests,
    retries: threshold?.maxRetries,
  })
    .filter(([, value]) => value !== undefined && value !== 4_294_967_295)
    .map(([name, value]) => `${name}<=${value}`);
  const istio = cluster.metadata?.filterMetadata['istio'];
  return [
    type,
    Cluster_LbPolicy[cluster.lbPolicy],
    `connect=${durationText(cluster.connectTimeout)}`,
    ...limits,
    ...(cluster.upstreamBindConfig?.sourceAddress ? [`from ${cluster.upstreamBindConfig.sourceAddress.address}`] : []),
    ...(cluster.loadAssignment ? [`at ${endpointLines(cluster.loadAssignment).join(', ')}`] : []),
    ...(istio?.['config'] ? [`by ${String(istio['config']).split('/').slice(-3).join('/')}`] : []),
    ...(istio?.['subset'] ? [`subset ${istio['subset']}`] : []),
    ...tlsText(cluster.transportSocket),
    ...(Object.keys(cluster.typedExtensionProtocolOptions).length > 0 ? ['protocol options'] : []),
  ].join(' ');
}

function endpointLines(assignment: ClusterLoadAssignment): string[] {
  return assignment.endpoints.flatMap(({ locality, lbEndpoints }) =>
    lbEndpoints.map((endpoint) => {
      const address = endpoint.hostIdentifier?.$case === 'endpoint' ? addressText(endpoint.hostIdentifier.value.address) : '?';
      const place = [locality?.region, locality?.zone, locality?.subZone].join('/').replace(/\/+$/, '');
      const workload = endpoint.metadata?.filterMetadata['istio']?.['workload'];
      return [address, `weight=${endpoint.loadBalancingWeight ?? '-'}`, ...(place ? [place] : []), ...(workload ? [workload] : [])].join(
        ' ',
      );
    }),
  );
}

function listenerLines(listener: Listener): string[] {
  const head = [
    addressText(listener.address),
    ...(listener.bindToPort === false ? ['unbound'] : []),
    ...(listener.useOriginalDst ? ['original destination'] : []),
    ...(listener.listenerFilters.some(({ name }) => name.endsWith('original_dst')) ? ['restored destination'] : []),
  ];
  const chains = listener.filterChains.map((chain) => chainLine(chain));
  const fallback = listener.defaultFilterChain ? [`otherwise ${chainLine(listener.defaultFilterChain)}`] : [];
  return [listener.apiListener ? 'api' : head.join(' '), ...chains, ...fallback];
}

function chainLine({ filterChainMatch, filters, transportSocket }: FilterChain): string {
  const { destinationPort: port, serverNames = [], prefixRanges = [] } = filterChainMatch ?? {};
  const ranges = prefixRanges.map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen}`);
  const conditions = [...(port === undefined ? [] : [`port ${port}`]), ...ranges, ...serverNames];
  return `${conditions.length === 0 ? '' : `${conditions.join(' ')}: `}${[...tlsText(transportSocket), ...filters.map(filterText)].join(', ')}`;
}

function filterText(filter: Filter): string {
  const value = filter.configType?.$case === 'typedConfig' ? filter.configType.value.value : Buffer.alloc(0);
  if (filter.name.endsWith('tcp_proxy')) {
    const { clusterSpecifier } = TcpProxy.decode(value);
    if (clusterSpecifier?.$case === 'cluster') return `tcp -> ${clusterSpecifier.value}`;
    return `tcp -> ${clusterSpecifier?.value.clusters.map(({ name, weight }) => `${weight}% ${name}`).join(', ')}`;
  }
  const manager = HttpConnectionManager.decode(value);
  const { routeSpecifier } = manager;
  const upgrades = manager.upgradeConfigs.map(({ upgradeType }) => upgradeType).join('+');
  const routes =
    routeSpecifier?.$case === 'rds'
      ? `routes ${routeSpecifier.value.routeConfigName}`
      : routeSpecifier?.$case === 'routeConfig'
        ? Object.entries(routeLines(routeSpecifier.value))
            .map(([host, lines]) => `{${host}: ${lines.join('; ')}}`)
            .join(' ')
        : '?';
  return `http [${manager.httpFilters.map(({ name }) => name.replace('envoy.filters.http.', '')).join(' ')}] ${upgrades}${manager.useRemoteAddress ? ' edge' : ''} ${routes}`;
}

function commonTls(socket: TransportSocket | undefined): { common: CommonTlsContext; more: string[] } | undefined {
  const any = socket?.configType?.$case === 'typedConfig' ? socket.configType.value : undefined;
  if (any === undefined) return undefined;
  if (any.typeUrl.endsWith('DownstreamTlsContext')) {
    const { commonTlsContext, requireClientCertificate } = DownstreamTlsContext.decode(any.value);
    return { common: commonTlsContext!, more: requireClientCertificate ? ['client certificate required'] : [] };
  }
  const { commonTlsContext, sni } = UpstreamTlsContext.decode(any.value);
  return { common: commonTlsContext!, more: [`sni ${sni || '-'}`] };
}

function secretNames(socket: TransportSocket | undefined): string[] {
  const { tlsCertificateSdsSecretConfigs = [], validationContextType: type } = commonTls(socket)?.common ?? {};
  const authority = type?.$case === 'combinedValidationContext' ? type.value.validationContextSdsSecretConfig : undefined;
  return [...tlsCertificateSdsSecretConfigs, ...(authority ? [authority] : [])].map(({ name }) => name);
}

/** `tls{…}` */
function tlsText(socket: TransportSocket | undefined): string[] {
  const tls = commonTls(socket);
  if (tls === undefined) return [];
  const { tlsCertificates, tlsParams, alpnProtocols, validationContextType: type } = tls.common;
  const validation = type?.$case === 'combinedValidationContext' ? type.value.defaultValidationContext : type?.value;
  const own = validation as CertificateValidationContext | undefined;
  const version = tlsParams?.tlsMinimumProtocolVersion;
  const words = [
    ...tls.more,
    ...tlsCertificates.map(({ certificateChain }) => `certificate ${sourceText(certificateChain)}`),
    ...secretNames(socket).map((name) => `secret ${name}`),
    ...(own?.trustedCa ? [`trusts ${sourceText(own.trustedCa)}`] : own?.systemRootCerts ? ['trusts the system'] : []),
    ...(own?.matchTypedSubjectAltNames ?? []).map(({ matcher }) => `wants ${stringText(matcher!)}`),
    ...(alpnProtocols.length > 0 ? [`alpn ${alpnProtocols.join('+')}`] : []),
    ...(version ? [TlsParameters_TlsProtocol[version]] : []),
  ];
  return [`tls{${words.join(', ')}}`];
}

function sourceText(source: DataSource | undefined): string {
  return source?.specifier?.$case === 'filename' ? source.specifier.value : String(source?.specifier?.value ?? '-');
}

function secretText({ type }: Secret): string {
  if (type?.$case === 'tlsCertificate')
    return `certificate ${sourceText(type.value.certificateChain)}, key ${sourceText(type.value.privateKey)}`;
  return type?.$case === 'validationContext' ? `authority ${sourceText(type.value.trustedCa)}` : '?';
}

function routeNames(listener: Listener): string[] {
  const api = listener.apiListener?.apiListener;
  const configs = [...listener.filterChains, listener.defaultFilterChain]
    .flatMap((chain) => chain?.filters ?? [])
    .flatMap((filter) =>
      filter.name.endsWith('http_connection_manager') && filter.configType?.$case === 'typedConfig' ? [filter.configType.value] : [],
    );
  return [...configs, ...(api ? [api] : [])].flatMap(({ value }) => {
    const { routeSpecifier } = HttpConnectionManager.decode(value);
    return routeSpecifier?.$case === 'rds' ? [routeSpecifier.value.routeConfigName] : [];
  });
}

function routeLines({ virtualHosts }: RouteConfiguration): Record<string, string[]> {
  return Object.fromEntries(
    virtualHosts.map((host: VirtualHost) => [
      `${host.name} (${host.domains.join(' ')})${host.requireTls ? ' https only' : ''}`,
      host.routes.map(routeLine),
    ]),
  );
}

function routeLine(route: Route): string {
  const lateen = route.metadata?.filterMetadata['lateen'];
  const fault = route.typedPerFilterConfig['envoy.filters.http.fault'];
  const header = (sign: string) => (option: HeaderValueOption) =>
    `${sign}${option.appendAction === 2 ? '=' : '+'}${option.header?.key}:${option.header?.value}`;
  return [
    ...(route.name ? [`"${route.name}"`] : []),
    matchText(route.match),
    '->',
    actionText(route),
    ...(fault ? [faultText(HTTPFault.decode(fault.value))] : []),
    ...route.requestHeadersToAdd.map(header('request')),
    ...route.requestHeadersToRemove.map((name) => `request-${name}`),
    ...route.responseHeadersToAdd.map(header('response')),
    ...route.responseHeadersToRemove.map((name) => `response-${name}`),
    ...(lateen ? [`(${lateen['resource']} ${lateen['rule']}${lateen['file'] ? ` ${lateen['file']}:${lateen['line']}` : ''})`] : []),
  ].join(' ');
}

function matchText(match: RouteMatch | undefined): string {
  const path = match?.pathSpecifier;
  const value = path?.$case === 'safeRegex' ? path.value.regex : path?.$case === 'connectMatcher' ? '' : path?.value;
  return [
    `${path?.$case} ${value}`.trim(),
    ...(match?.caseSensitive === false ? ['any case'] : []),
    ...(match?.headers ?? []).map(headerText),
    ...(match?.queryParameters ?? []).map(
      ({ name, queryParameterMatchSpecifier: how }) => `?${name} ${how?.$case === 'stringMatch' ? stringText(how.value) : 'present'}`,
    ),
  ].join(' & ');
}

function headerText({ name, headerMatchSpecifier: how, invertMatch, treatMissingHeaderAsEmpty }: HeaderMatcher): string {
  const text = how?.$case === 'stringMatch' ? stringText(how.value) : how?.$case === 'exactMatch' ? `exactMatch ${how.value}` : 'present';
  return `${invertMatch ? 'not ' : ''}${name} ${text}${treatMissingHeaderAsEmpty ? ' or missing' : ''}`;
}

function stringText({ matchPattern }: StringMatcher): string {
  return `${matchPattern?.$case} ${matchPattern?.$case === 'safeRegex' ? matchPattern.value.regex : String(matchPattern?.value)}`;
}

function actionText({ action }: Route): string {
  switch (action?.$case) {
    case 'route':
      return forwardText(action.value);
    case 'redirect': {
      const { responseCode, hostRedirect, portRedirect, pathRewriteSpecifier: path, schemeRewriteSpecifier: scheme } = action.value;
      return [
        'redirect',
        responseCode,
        scheme?.value,
        hostRedirect,
        portRedirect || undefined,
        path?.$case === 'pathRedirect' || path?.$case === 'prefixRewrite' ? `${path.$case}=${path.value}` : undefined,
      ]
        .filter((part) => part !== undefined && part !== '')
        .join(' ');
    }
    case 'directResponse':
      return `respond ${action.value.status}${action.value.body ? ` ${String(action.value.body.specifier?.value)}` : ''}`;
    default:
      return '?';
  }
}

function forwardText(action: RouteAction): string {
  const { clusterSpecifier, retryPolicy, hostRewriteSpecifier: host } = action;
  const to =
    clusterSpecifier?.$case === 'weightedClusters'
      ? clusterSpecifier.value.clusters
          .map(
            ({ name, weight, requestHeadersToAdd }) =>
              `${weight} ${name}${requestHeadersToAdd.map(({ header }) => ` ${header?.key}:${header?.value}`).join('')}`,
          )
          .join(' | ')
      : String(clusterSpecifier?.value);
  return [
    to,
    `timeout=${durationText(action.timeout)}`,
    ...(retryPolicy
      ? [
          `retries=${retryPolicy.numRetries}${retryPolicy.perTryTimeout ? `x${durationText(retryPolicy.perTryTimeout)}` : ''}(${retryPolicy.retryOn} ${retryPolicy.retriableStatusCodes})`,
        ]
      : []),
    ...(action.prefixRewrite ? [`path=${action.prefixRewrite}`] : []),
    ...(action.regexRewrite ? [`path~${action.regexRewrite.pattern?.regex}->${action.regexRewrite.substitution}`] : []),
    ...(host ? [`host=${String(host.value)}`] : []),
    ...action.requestMirrorPolicies.map(({ cluster, runtimeFraction }) => `mirror=${shareText(runtimeFraction?.defaultValue)} ${cluster}`),
    ...action.upgradeConfigs.map(({ upgradeType }) => upgradeType),
  ].join(' ');
}

function faultText({ delay, abort }: HTTPFault): string {
  const share = ({ percentage }: { percentage: FractionalPercent | undefined }) => shareText(percentage);
  return [
    ...(delay
      ? [
          `delay ${delay.faultDelaySecifier?.$case === 'fixedDelay' ? durationText(delay.faultDelaySecifier.value) : '?'} of ${share(delay)}`,
        ]
      : []),
    ...(abort ? [`abort ${String(abort.errorType?.value)} of ${share(abort)}`] : []),
  ].join(' ');
}

function shareText(percent: FractionalPercent | undefined): string {
  return `${((percent?.numerator ?? 0) / [100, 10_000, 1_000_000][percent?.denominator ?? 0]!) * 100}%`;
}

function durationText(duration: Duration | undefined): string {
  return duration ? `${duration.seconds + duration.nanos / 1e9}s` : '-';
}

function addressText(address: Address | undefined): string {
  if (address?.address?.$case !== 'socketAddress') return '?';
  const { address: host, portSpecifier } = address.address.value;
  return `${host}:${String(portSpecifier?.value)}`;
}
