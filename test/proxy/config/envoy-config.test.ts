// Files of Envoy's own: what a proxy starts with, and what is said of a file that cannot be used.
import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { parseYaml } from '#codec/yaml/documents';
import { readEnvoyConfig } from '#proxy/config/envoy-config';

const json = new CanonicalJson(readFileSync(new URL('../../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));
const read = (yaml: string) => readEnvoyConfig(parseYaml(yaml)[0]?.value as JsonValue, json);
const shape = ({ resources, ...config }: ReturnType<typeof read>) => ({
  ...config,
  resources: resources.map(({ typeUrl, resources: some }) => [typeUrl.split('.').at(-1), ...some.map(({ name }) => name)]),
});

const at = (port: number, address = '127.0.0.1') => `{socket_address: {address: ${address}, port_value: ${port}}}`;
const cluster = (name: string, port: number, more = '') =>
  `{name: ${name}, connect_timeout: 1.5s, type: STATIC, ${more}load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: ${at(port)}}}]}]}}`;
const listener = `{name: in, address: ${at(8080)}}`;
const ads = (service: string) => `dynamic_resources: {ads_config: {api_type: DELTA_GRPC, grpc_services: [${service}]}}`;

describe('a bootstrap', () => {
  test('static resources, in an order that takes effect; who it is; its admin interface', () => {
    const config = read(
      `node: {id: edge, cluster: shop, metadata: {A: b}, locality: {region: r, sub_zone: s}}
admin: {address: ${at(9901)}}
static_resources: {listeners: [${listener}], clusters: [${cluster('backend', 9000)}], secrets: [{name: cert}]}
layered_runtime: {layers: [{name: admin, admin_layer: {}}]}`,
    );
    expect(shape(config)).toEqual({
      node: { id: 'edge', cluster: 'shop', metadata: { A: 'b' }, locality: { region: 'r', zone: '', subZone: 's' } },
      admin: { address: '127.0.0.1', port: 9901 },
      xds: undefined,
      resources: [
        ['Secret', 'cert'],
        ['Cluster', 'backend'],
        ['Listener', 'in'],
      ],
      notes: ['layered_runtime has no effect'],
    });
  });

  test.each([
    ['a static cluster', `${ads('{envoy_grpc: {cluster_name: istiod}}')}\nstatic_resources: {clusters: [${cluster('istiod', 15010)}]}`],
    ['an address', ads("{google_grpc: {target_uri: '127.0.0.1:15010', stat_prefix: x}}")],
    [
      'names of JSON',
      '{"dynamicResources": {"adsConfig": {"grpcServices": [{"googleGrpc": {"targetUri": "dns:///127.0.0.1:15010", "statPrefix": "x"}}]}}}',
    ],
  ])('its control plane by %s', (_, yaml) => {
    expect(read(yaml).xds).toEqual({ address: '127.0.0.1', port: 15_010 });
  });
});

describe('a config dump', () => {
  const named = (type: string, fields: object) => ({ '@type': `type.googleapis.com/envoy.config.${type}`, ...fields });
  const dump = (clusters: object[], more: object[] = []) => ({
    configs: [
      { bootstrap: { node: { id: 'x', cluster: 'y' }, dynamic_resources: { ads_config: {} } } },
      {
        static_clusters: [{ cluster: named('cluster.v3.Cluster', { name: 'static' }) }],
        dynamic_active_clusters: clusters.map((each) => ({ cluster: each })),
      },
      {
        dynamic_listeners: [{ name: 'in', active_state: { listener: named('listener.v3.Listener', { name: 'in' }) } }],
        static_listeners: [{ listener: named('listener.v3.Listener', { name: 'fixed' }) }],
      },
      ...more,
    ],
  });

  test('all that is in force, and no control plane', () => {
    const eds = named('cluster.v3.Cluster', { name: 'discovered', type: 'EDS' });
    const config = readEnvoyConfig(
      dump(
        [eds],
        [
          {
            dynamic_active_secrets: [{ secret: { name: 'cert', tls_certificate: { private_key: { inline_bytes: 'W3JlZGFjdGVkXQ==' } } } }],
          },
        ],
      ) as JsonObject,
      json,
    );
    expect(shape(config)).toEqual({
      node: { id: 'x', cluster: 'y', metadata: {}, locality: { region: '', zone: '', subZone: '' } },
      admin: undefined,
      xds: undefined,
      resources: [
        ['Cluster', 'static', 'discovered'],
        ['Listener', 'fixed', 'in'],
      ],
      notes: [
        '1 secrets are left out: a dump does not show their keys',
        'it has no endpoints of EDS: take it with /config_dump?include_eds',
      ],
    });
  });

  test('what Istio’s control plane sent to a sidecar', () => {
    const file = readFileSync(new URL('../../golden/istio-sidecar-dump.json', import.meta.url), 'utf8');
    const { resources } = readEnvoyConfig(JSON.parse(file) as JsonObject, json);
    expect(resources.map(({ typeUrl, resources: some }) => [typeUrl.split('.').at(-1), some.length > 0])).toEqual([
      ['Cluster', true],
      ['Listener', true],
      ['RouteConfiguration', true],
    ]);
  });
});

test.each([
  ['nothing', '[]', /it is no object/],
  ['another file', 'kind: Service', /key "kind" is unknown/],
  ['a wrong duration', `static_resources: {clusters: [{name: b, connect_timeout: soon}]}`, /static_resources\.clusters\[0\] b: .*"soon"/],
  [
    'an unknown field',
    `static_resources: {listeners: [${listener}, {name: x, adress: {}}]}`,
    /static_resources\.listeners\[1\] x: .*"adress"/,
  ],
  [
    'an unknown extension',
    `static_resources: {listeners: [{name: x, listener_filters: [{name: f, typed_config: {"@type": type.googleapis.com/some.Thing}}]}]}`,
    /not known here: type\.googleapis\.com\/some\.Thing/,
  ],
  ['a control plane that is not there', ads('{envoy_grpc: {cluster_name: istiod}}'), /no static cluster istiod/],
  [
    'one behind TLS',
    `${ads('{envoy_grpc: {cluster_name: i}}')}\nstatic_resources: {clusters: [${cluster('i', 1, 'transport_socket: {name: tls}, ')}]}`,
    /without TLS alone/,
  ],
  ['files of its own', 'dynamic_resources: {lds_config: {path: /etc/lds.yaml}}', /files are not followed/],
  ['a dump of nothing', 'configs: []', /neither a listener nor a cluster/],
])('%s: says what is wrong', (_, yaml, message) => {
  expect(() => read(yaml)).toThrow(message);
});
