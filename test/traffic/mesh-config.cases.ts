// What MeshConfig's `defaultConfig` (Istio's ProxyConfig) does to traffic: at a gateway, and to what proxies add to requests and responses.
import { expect } from 'vitest';
import type { Case } from './case.ts';
import { edgeGateway } from './edge.cases.ts';
import { object } from './town.ts';

const meshConfig = (text: string) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: ${JSON.stringify(text)}}
---`;

const atEdge = (topology: string) =>
  meshConfig(`defaultConfig: {gatewayTopology: {${topology}}}`) +
  edgeGateway('port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]') +
  `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routes, namespace: default}
spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: ratings}}]}]}
`;
const url = 'http://shop.example.com:8000/';
const balanced = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };

export const meshConfigCases: readonly Case[] = [
  {
    name: 'gatewayTopology.numTrustedProxies: one that is before the gateway is believed who the client is',
    fields: [],
    yaml: `${atEdge('numTrustedProxies: 1')}---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: banned, namespace: istio-system}
spec: {selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{from: [{source: {remoteIpBlocks: [198.51.100.0/24]}}]}]}
`,
    calls: [
      { via: 'gateway', url, headers: { 'x-forwarded-for': '10.1.1.1, 198.51.100.9' }, expect: { status: 403 } },
      { via: 'gateway', url, headers: { 'x-forwarded-for': '198.51.100.9, 10.1.1.1' }, expect: {} },
      {
        via: 'gateway',
        url,
        headers: balanced,
        expect: { headers: { 'x-envoy-external-address': '203.0.113.7', 'x-forwarded-proto': 'https' } },
      },
      { via: 'gateway', url, expect: { headers: { 'x-envoy-external-address': undefined, 'x-forwarded-proto': 'http' } } },
    ],
  },
  {
    name: 'gatewayTopology: without it nobody is',
    fields: [],
    yaml: atEdge(''),
    calls: [
      {
        via: 'gateway',
        url,
        headers: balanced,
        expect: { headers: { 'x-envoy-external-address': undefined, 'x-forwarded-proto': 'http' } },
      },
    ],
  },
  {
    name: 'gatewayTopology.proxyProtocol: who does not begin with it is not served',
    fields: [],
    yaml: atEdge('proxyProtocol: {}'),
    calls: [{ via: 'gateway', url, expect: { fails: /hang up|ECONNRESET/ } }],
  },
  {
    name: 'proxyHeaders: a name of the server',
    fields: [],
    yaml: meshConfig('defaultConfig: {proxyHeaders: {server: {value: ours}}}'),
    calls: [{ url: 'http://ratings:9080/', expect: { responseHeaders: { server: 'ours' } } }],
  },
  {
    name: 'proxyHeaders: none of the server, no request ids, nothing of Envoy',
    fields: [],
    yaml: meshConfig(
      'defaultConfig: {proxyHeaders: {server: {disabled: true}, requestId: {disabled: true}, envoyDebugHeaders: {disabled: true}}}',
    ),
    calls: [
      {
        url: 'http://ratings:9080/',
        expect: {
          headers: { 'x-request-id': undefined, 'x-envoy-expected-rq-timeout-ms': undefined, 'x-envoy-attempt-count': '1' },
          responseHeaders: { server: undefined, 'x-envoy-upstream-service-time': undefined },
        },
      },
    ],
  },
  ...['IN_MESH', 'UNDEFINED'].map(
    (mode): Case => ({
      name: `proxyHeaders.metadataExchangeHeaders: ${mode}: who is outside of the mesh is told who calls, or not`,
      fields: [],
      yaml: `${meshConfig(`defaultConfig: {proxyHeaders: {metadataExchangeHeaders: {mode: ${mode}}}}`)}${object(
        'ServiceEntry',
        'outside',
        'hosts: [outside.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}], resolution: STATIC, endpoints: [{address: POD(outside-1)}]',
      )}`,
      calls: [
        { url: 'http://ratings:9080/', expect: { headers: { 'x-envoy-peer-metadata-id': expect.stringContaining('client') as string } } },
        {
          url: 'http://outside.example.com/',
          expect: {
            headers: { 'x-envoy-peer-metadata-id': mode === 'IN_MESH' ? undefined : (expect.stringContaining('client') as string) },
          },
        },
      ],
    }),
  ),
  {
    name: 'proxyHeaders: tries are not counted',
    fields: [],
    yaml: meshConfig('defaultConfig: {proxyHeaders: {attemptCount: {disabled: true}}}'),
    calls: ['http://ratings:9080/', 'http://sidecar:9080/'].map((url) => ({
      url,
      expect: { headers: { 'x-envoy-attempt-count': undefined } },
    })),
  },
  ...['old.example', 'new.example', 'cluster.local'].map((domain) => ({
    name: `trustDomainAliases: principals of ${domain} are those of the mesh`,
    fields: [],
    yaml: `${meshConfig('trustDomainAliases: [old.example, new.example]')}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sidecar, namespace: default}
spec: {selector: {matchLabels: {app: sidecar}}, rules: [{from: [{source: {principals: ["${domain}/ns/default/sa/client"]}}]}]}
`,
    calls: [
      { url: 'http://sidecar:9080/', expect: { reaches: 'sidecar-v1' } },
      { from: 'stranger', url: 'http://sidecar.default:9080/', expect: { status: 403 } },
    ],
  })),
  {
    name: 'trustDomainAliases: principals of other domains are not',
    fields: [],
    yaml: `${meshConfig('trustDomainAliases: [old.example]')}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sidecar, namespace: default}
spec: {selector: {matchLabels: {app: sidecar}}, rules: [{from: [{source: {principals: [foreign.example/ns/default/sa/client]}}]}]}
`,
    calls: [{ url: 'http://sidecar:9080/', expect: { status: 403 } }],
  },
];
