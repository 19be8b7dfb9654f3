// EnvoyFilters on traffic: filters that Istio's own resources do not ask for, put before a workload, and taken away again.
import { afterEach, beforeAll, expect, test } from 'vitest';
import { useTrafficMesh } from './use-traffic-mesh.ts';

// The last hook to be there runs first: before this one, the mesh is as it was.
afterEach(async () => void (await town.mesh.call({ url })));
const town = useTrafficMesh();
beforeAll(async () => void (await town.mesh.call({ url })));

// The connection to the workload is kept; after a change it serves one more request as it was made, and ends.
const url = 'http://sidecar:9080/';

/** `config`: the filter's typed configuration, in flow style. */
const inserted = (name: string, config: string) => `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: ${name}, namespace: default}
spec:
  workloadSelector: {labels: {app: sidecar}}
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}}
    patch:
      operation: INSERT_BEFORE
      value: {name: ${name}, typed_config: ${config}}
`;

const all = '{default_value: {numerator: 100, denominator: HUNDRED}}';

test('a local rate limit, as Istio’s documentation writes it', async () => {
  const config =
    '{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, ' +
    `value: {stat_prefix: limit, token_bucket: {max_tokens: 2, tokens_per_fill: 2, fill_interval: 3600s}, filter_enabled: ${all}, filter_enforced: ${all}}}`;
  const { mesh } = town;
  await mesh.apply(inserted('limit', config));
  await mesh.call({ url });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await mesh.call({ url })).status);
  expect(statuses).toEqual([200, 200, 429]);
});

test('a script in Lua; one that is none is refused', async () => {
  const script = (text: string) =>
    `{"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: ${JSON.stringify(text)}}}`;
  const { mesh } = town;
  expect(await mesh.applyRefused(inserted('lua', script('function (')))).toContain('script:1:');
  await mesh.apply(inserted('lua', script(`function envoy_on_request(handle) handle:respond({[':status'] = '418'}, 'teapot') end`)));
  expect((await mesh.call({ url })).status).toBe(418);
});

test('a filter that no proxy knows is refused by name, and what served goes on', async () => {
  const config = '{"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy}';
  const { mesh } = town;
  expect(await mesh.applyRefused(inserted('odd', config))).toMatch(/filter odd .*CorsPolicy\) is not known/);
  expect(mesh.refusals).toMatchObject([{ kind: 'EnvoyFilter', name: 'odd', proxies: ['sidecar-v1.default'] }]);
  expect((await mesh.call({ url })).status).toBe(200);
  await mesh.restore();
  expect(mesh.refusals).toEqual([]);
});

test('a filter whose configuration is discovered: it comes, changes, is refused, and goes, apart from its listener', async () => {
  const { mesh } = town;
  const source =
    'config_source: {ads: {}, resource_api_version: V3}, type_urls: [type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua]';
  const filter = inserted('apart', '').replace('typed_config: ', `config_discovery: {${source}}`);
  const extension = (text: string) => `---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: extension, namespace: default}
spec:
  workloadSelector: {labels: {app: sidecar}}
  configPatches:
  - applyTo: EXTENSION_CONFIG
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: ADD
      value: {name: apart, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: ${JSON.stringify(text)}}}}
`;
  const answering = (status: number) => extension(`function envoy_on_request(handle) handle:respond({[':status'] = '${status}'}, '') end`);
  await mesh.apply(filter + answering(418));
  await mesh.call({ url });
  expect((await mesh.call({ url })).status).toBe(418);
  await mesh.apply(answering(410));
  await mesh.call({ url });
  expect((await mesh.call({ url })).status).toBe(410);
  expect(await mesh.applyRefused(extension('function ('))).toContain('script:1:');
  expect((await mesh.call({ url })).status).toBe(410);
  // Without a configuration nothing may pass.
  mesh.withdraw([{ kind: 'EnvoyFilter', name: 'extension' }]);
  await mesh.untilSynced();
  await mesh.call({ url });
  expect((await mesh.call({ url })).status).toBe(500);
});
