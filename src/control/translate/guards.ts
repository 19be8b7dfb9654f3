// What stands before a workload: the filters that its RequestAuthentications and AuthorizationPolicies come down to.
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { ProxyView } from '#control/view/proxy-view';
import { httpAuthorization, networkAuthorization } from './authorization.ts';
import { externalAuthorization, externalConnectionAuthorization } from './external-authorization.ts';
import { jwksClusterName } from './jwks-cluster.ts';
import { jwksUriOf, jwtAuthentication } from './request-authentication.ts';
import { acrossTrustDomains, trustDomains } from './trust-domain.ts';

export interface Guards {
  /** Of everything that the filters are made from; empty: there are none. */
  readonly key: string;
  http(): HttpFilter[];
  network(): Filter[];
}

export const noGuards: Guards = { key: '', http: () => [], network: () => [] };

/** Istio's order: what services say, who somebody is, what he may do. */
export function guardsOf(view: ProxyView): Guards {
  const { requestAuthentications, authorizationPolicies: given } = view.policies;
  if (requestAuthentications.length + given.length === 0) return noGuards;
  const authorizationPolicies = given.map((policy) => acrossTrustDomains(policy, view.snapshot.config));
  const clusterOf = (uri: string) => jwksClusterName(view, uri);
  const clusters = requestAuthentications.flatMap(({ object }) =>
    (object.spec?.jwtRules ?? []).flatMap((rule) => jwksUriOf(rule) ?? []).map(clusterOf),
  );
  const { extensionProviders } = view.snapshot.config;
  const asked = authorizationPolicies.flatMap(({ object }) => object.spec?.provider?.name ?? []);
  const providers = extensionProviders.filter(({ name }) => asked.includes(name));
  return {
    key: JSON.stringify([
      requestAuthentications.map(({ stamp }) => stamp),
      clusters,
      authorizationPolicies.map(({ stamp }) => stamp),
      trustDomains(view.snapshot.config),
      providers,
    ]),
    http: () => [
      ...externalAuthorization(authorizationPolicies, providers),
      ...jwtAuthentication(requestAuthentications, clusterOf),
      ...httpAuthorization(authorizationPolicies),
    ],
    network: () => [...externalConnectionAuthorization(authorizationPolicies, providers), ...networkAuthorization(authorizationPolicies)],
  };
}
