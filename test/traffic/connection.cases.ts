// What Istio's reference says of connections to hosts and at gateways: who is called and who must answer, what they begin with, where they may
// go, and which resource says so.
import { createHash, X509Certificate } from 'node:crypto';
import { expect } from 'vitest';
import type { Case, Expectation, Outcome } from './case.ts';
import { impatient, object, secretYaml } from './town.ts';
import { authority, client, foreign, named, secure, shop } from './town-certificates.ts';

const clientsOwn = 'workloadSelector: {matchLabels: {app: client}}';
const roots = secretYaml('roots', { 'ca.crt': authority.certificate }, 'default');
const thirds = { 'reviews-v1': 1 / 3, 'reviews-v2': 1 / 3, 'reviews-v3': 1 / 3 };

/** A host outside of the mesh that speaks TLS, in plain HTTP to its clients. */
const outside = (host: string, tls: string, more = '') =>
  object(
    'ServiceEntry',
    'outside',
    `hosts: ["${host}"], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}], resolution: STATIC, endpoints: [{address: POD(secure-v1)}]${more}`,
  ) + object('DestinationRule', 'outside', `host: "${host}", ${clientsOwn}, trafficPolicy: {tls: {${tls}}}`);
const calling = (host: string, expectation: Outcome): Expectation => ({ url: `http://${host}/`, expect: expectation });
const asked = (serverName: string): Outcome => ({ reaches: 'secure-v1', connection: { serverName } });

const originated: Case[] = [
  {
    name: 'tls: SIMPLE: who is called, and has to answer, is who the request names',
    fields: ['TrafficPolicy tls.mode', 'TrafficPolicy tls.credentialName'],
    yaml: roots + outside('*.example.com', 'mode: SIMPLE, credentialName: roots'),
    calls: [calling('secure.example.com', asked('secure.example.com')), calling('wrong.example.com', { status: 503 })],
  },
  {
    name: 'tls: one connection is not for two names',
    fields: ['TrafficPolicy tls.mode'],
    yaml:
      roots +
      outside('*.example.com', 'mode: SIMPLE, credentialName: roots') +
      object('VirtualService', 'other', `hosts: [secure.other.example], http: [{route: [{destination: {host: "*.example.com"}}]}]`),
    calls: [
      calling('secure.example.com', asked('secure.example.com')),
      calling('secure.other.example', asked('secure.other.example')),
      calling('secure.example.com', asked('secure.example.com')),
    ],
  },
  {
    name: 'tls: sni and subjectAltNames go before what the request names',
    fields: ['TrafficPolicy tls.sni', 'TrafficPolicy tls.subjectAltNames'],
    yaml: roots + outside('any.example', 'mode: SIMPLE, credentialName: roots, sni: inner.example, subjectAltNames: [secure.example.com]'),
    calls: [calling('any.example', asked('inner.example'))],
  },
  {
    name: 'tls: subjectAltNames that the server has not',
    fields: ['TrafficPolicy tls.subjectAltNames'],
    yaml: roots + outside('secure.example.com', 'mode: SIMPLE, credentialName: roots, subjectAltNames: [other.example]'),
    calls: [calling('secure.example.com', { status: 503 })],
  },
  {
    name: 'tls: subjectAltNames of the ServiceEntry',
    fields: ['ServiceEntry subjectAltNames'],
    yaml: roots + outside('any.example', 'mode: SIMPLE, credentialName: roots', ', subjectAltNames: [secure.example.com]'),
    calls: [calling('any.example', asked('any.example'))],
  },
  {
    name: 'tls: insecureSkipVerify',
    fields: ['TrafficPolicy tls.insecureSkipVerify'],
    yaml: outside('wrong.example.com', 'mode: SIMPLE, insecureSkipVerify: true'),
    calls: [calling('wrong.example.com', asked('wrong.example.com'))],
  },
  {
    name: 'tls: without anybody named it is the system that says whom to trust',
    fields: ['TrafficPolicy tls.mode'],
    yaml: outside('secure.example.com', 'mode: SIMPLE'),
    calls: [calling('secure.example.com', { status: 503 })],
  },
  {
    name: 'tls: MUTUAL shows who calls',
    fields: ['TrafficPolicy tls.credentialName'],
    yaml:
      secretYaml('mutual', { 'tls.crt': client.certificate, 'tls.key': client.key, 'ca.crt': authority.certificate }, 'default') +
      outside('secure.example.com', 'mode: MUTUAL, credentialName: mutual'),
    calls: [
      calling('secure.example.com', { reaches: 'secure-v1', connection: { clientName: 'client', serverName: 'secure.example.com' } }),
    ],
  },
  {
    name: 'tls: a credentialName is for gateways, and for clients that the rule selects',
    fields: ['TrafficPolicy tls.credentialName'],
    yaml: roots + object('DestinationRule', 'ratings', 'host: ratings, trafficPolicy: {tls: {mode: SIMPLE, credentialName: roots}}'),
    calls: [{ url: 'http://ratings:9080/', expect: { reaches: 'ratings-v1' } }],
  },
  {
    name: 'resolution: DYNAMIC_DNS: TLS to the host that is asked for, which has to answer',
    fields: ['ServiceEntry resolution'],
    yaml:
      roots +
      object(
        'ServiceEntry',
        'dynamic',
        'hosts: ["*.dynamic.example"], ports: [{number: 9080, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS',
      ) +
      object(
        'DestinationRule',
        'dynamic',
        `host: "*.dynamic.example", ${clientsOwn}, trafficPolicy: {tls: {mode: SIMPLE, credentialName: roots}}`,
      ),
    calls: [
      { url: 'http://secure-v1.dynamic.example:9080/', expect: asked('secure-v1.dynamic.example') },
      // The same program, which has no certificate for that name.
      {
        url: 'http://other.secure-v1.dynamic.example:9080/',
        expect: { status: 503, body: expect.stringContaining('VERIFY_FAILED') as string },
      },
    ],
  },
];

const pools: Case[] = [
  ...['V1', 'V2'].map(
    (version): Case => ({
      name: `proxyProtocol: ${version}`,
      fields: ['TrafficPolicy proxyProtocol.version'],
      yaml: object('DestinationRule', 'proxied', `host: proxied, trafficPolicy: {proxyProtocol: {version: ${version}}}`),
      calls: [
        {
          url: 'http://proxied:9080/',
          expect: {
            reaches: 'proxied-v1',
            connection: {
              proxyHeader: version === 'V2' ? 'binary' : 'PROXY UNKNOWN',
            },
          },
        },
      ],
    }),
  ),
  {
    name: 'h2UpgradePolicy',
    fields: ['TrafficPolicy connectionPool.http.h2UpgradePolicy', 'TrafficPolicy connectionPool.http.maxConcurrentStreams'],
    yaml: object(
      'DestinationRule',
      'two',
      'host: two, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 10}}}',
    ),
    calls: [{ url: 'http://two:9080/', times: 3, expect: { reaches: 'two-v1', connection: { httpVersion: '2.0' } } }],
  },
  {
    name: 'useClientProtocol: to a port of HTTP/2 as well',
    fields: ['TrafficPolicy connectionPool.http.useClientProtocol'],
    yaml:
      object(
        'ServiceEntry',
        'later',
        'hosts: [later.example], ports: [{number: 80, name: http2, protocol: HTTP2, targetPort: 9080}], resolution: STATIC, endpoints: [{address: POD(outside-1)}]',
      ) + object('DestinationRule', 'later', 'host: later.example, trafficPolicy: {connectionPool: {http: {useClientProtocol: true}}}'),
    calls: [calling('later.example', { reaches: 'outside-1', connection: { httpVersion: '1.1' } })],
  },
  {
    name: 'connectionPool: of a DestinationRule the workload’s own proxy takes no more either',
    fields: ['TrafficPolicy connectionPool.http.http2MaxRequests'],
    // Its clients in other namespaces do not see the rule.
    yaml: `${object('DestinationRule', 'hanging', 'host: hanging, exportTo: ["."], trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}')}${impatient('hanging')}`,
    calls: [{ from: 'stranger', url: 'http://hanging.default:9080/', together: 4, expect: { statuses: [503, 503, 503, 504] } }],
  },
  {
    name: 'tunnel: connections go through a proxy, by CONNECT',
    fields: ['TrafficPolicy tunnel.protocol', 'TrafficPolicy tunnel.targetHost', 'TrafficPolicy tunnel.targetPort'],
    yaml:
      object(
        'ServiceEntry',
        'tunnel',
        'hosts: [tunnel.example], ports: [{number: 7071, name: tcp, protocol: TCP}], resolution: STATIC, endpoints: [{address: LOOPBACK(stranger), ports: {tcp: 15001}}]',
      ) +
      object(
        'DestinationRule',
        'tunnel',
        'host: tunnel.example, trafficPolicy: {tunnel: {protocol: CONNECT, targetHost: ratings.default.svc.cluster.local, targetPort: 9080}}',
      ) +
      object(
        'Sidecar',
        'client',
        'workloadSelector: {labels: {app: client}}, egress: [{port: {number: 7071, protocol: TCP, name: tcp}, bind: 127.0.0.1, hosts: ["./tunnel.example"]}]',
      ),
    calls: [{ at: 'LOOPBACK(client):7071', url: 'http://any/', expect: { reaches: 'ratings-v1' } }],
  },
  {
    name: 'outlierDetection: connections that fail, apart from answers',
    fields: [
      'TrafficPolicy outlierDetection.splitExternalLocalOriginErrors',
      'TrafficPolicy outlierDetection.consecutiveLocalOriginFailures',
    ],
    yaml:
      object(
        'ServiceEntry',
        'half-there',
        'hosts: [half.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: POD(outside-1), ports: {http: 9080}}, {address: POD(outside-2), ports: {http: 9}}]',
      ) +
      object(
        'DestinationRule',
        'half-there',
        'host: half.example, trafficPolicy: {outlierDetection: {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, baseEjectionTime: 300s, maxEjectionPercent: 100}}',
      ),
    calls: [
      { url: 'http://half.example/', times: 10, expect: { reaches: 'outside-1' } },
      { url: 'http://half.example/', times: 20, expect: { reaches: 'outside-1', headers: { 'x-envoy-attempt-count': '1' } } },
    ],
  },
  {
    name: 'outlierDetection: answers are not failures to connect',
    fields: ['TrafficPolicy outlierDetection.splitExternalLocalOriginErrors'],
    yaml: object(
      'DestinationRule',
      'odd',
      'host: odd, trafficPolicy: {outlierDetection: {splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 1, consecutive5xxErrors: 0, baseEjectionTime: 300s, maxEjectionPercent: 100}, loadBalancer: {simple: ROUND_ROBIN}}',
    ),
    calls: [{ url: 'http://odd:9080/', together: 4, expect: { statuses: [200, 200, 429, 429] } }],
  },
  {
    name: 'outlierDetection: consecutiveErrors, as it once was called',
    fields: ['TrafficPolicy outlierDetection.consecutiveErrors'],
    yaml: object(
      'DestinationRule',
      'half',
      'host: half, trafficPolicy: {outlierDetection: {consecutiveErrors: 1, consecutive5xxErrors: 0, baseEjectionTime: 300s, maxEjectionPercent: 100}}',
    ),
    calls: [
      { url: 'http://half:9080/', times: 10, expect: {} },
      { url: 'http://half:9080/', times: 20, expect: { reaches: 'half-good' } },
    ],
  },
  {
    name: 'portLevelSettings of a subset inherit nothing',
    fields: ['DestinationRule subsets[].trafficPolicy'],
    yaml: `${object(
      'DestinationRule',
      'reviews',
      'host: reviews, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}, subsets: [{name: all, trafficPolicy: {portLevelSettings: [{port: {number: 9080}, connectionPool: {tcp: {maxConnections: 100}}}]}}]',
    )}${object('VirtualService', 'reviews', 'hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: all}}]}]')}`,
    calls: [{ url: 'http://reviews:9080/', headers: { 'x-user': 'ann' }, times: 300, expect: { reaches: thirds } }],
  },
  {
    name: 'DestinationRules for one host: subsets of all, the policy of the oldest; the more specific host goes before',
    fields: ['DestinationRule host'],
    yaml:
      object(
        'DestinationRule',
        'wide',
        'host: "*.default.svc.cluster.local", trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}, subsets: [{name: second, labels: {version: v3}}]',
      ) +
      object(
        'DestinationRule',
        'one-more',
        'host: reviews, subsets: [{name: second, labels: {version: v2}}, {name: v1, labels: {version: v3}}]',
        'namespace: default, creationTimestamp: "2999-01-01T00:00:00Z"',
      ) +
      object(
        'VirtualService',
        'reviews',
        'hosts: [reviews], http: [{match: [{uri: {prefix: /second}}], route: [{destination: {host: reviews, subset: second}}]}, {match: [{uri: {prefix: /first}}], route: [{destination: {host: reviews, subset: v1}}]}, {route: [{destination: {host: reviews}}]}]',
      ),
    calls: [
      { url: 'http://reviews:9080/second', times: 5, expect: { reaches: 'reviews-v2' } },
      { url: 'http://reviews:9080/first', times: 5, expect: { reaches: 'reviews-v1' } },
      { url: 'http://reviews:9080/', headers: { 'x-user': 'ann' }, times: 300, expect: { reaches: thirds } },
    ],
  },
];

const https = (tls: string, more = '') =>
  `port: {number: 8443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {${tls}}${more}`;
const edge = (...servers: string[]) => object('Gateway', 'edge', `selector: {istio: ingressgateway}, servers: [{${servers.join('}, {')}}]`);
const bound = object('VirtualService', 'routes', 'hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: ratings}}]}]');
const shopSecret = secretYaml('shop', { 'tls.crt': shop.certificate, 'tls.key': shop.key, 'ca.crt': authority.certificate });
const trusting = { ca: authority.certificate, servername: 'shop.example.com' };
const showing = ({ certificate, key }: typeof shop) => ({ ...trusting, cert: certificate, key });
const atShop = (tls: Expectation['tls'], expectation: Outcome): Expectation => ({
  via: 'gateway',
  url: 'https://shop.example.com:8443/',
  ...(tls && { tls }),
  expect: expectation,
});
const served: Outcome = { reaches: 'ratings-v1' };
const refused: Outcome = { fails: /alert|certificate|ECONNRESET|hang up|handshake|disconnected/ };
const x509 = new X509Certificate(client.certificate);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes);

const gateways: Case[] = [
  {
    name: 'tls: OPTIONAL_MUTUAL: who shows something has to be known',
    fields: ['Gateway servers[].tls.mode'],
    yaml: edge(https('mode: OPTIONAL_MUTUAL, credentialName: shop')) + shopSecret + bound,
    calls: [atShop(trusting, served), atShop(showing(client), served), atShop(showing(foreign), refused)],
  },
  {
    name: 'tls: credentialNames',
    fields: ['Gateway servers[].tls.credentialNames'],
    yaml: edge(https('mode: SIMPLE, credentialNames: [shop]')) + shopSecret + bound,
    calls: [atShop(trusting, served)],
  },
  {
    name: 'tls: subjectAltNames of clients',
    fields: ['Gateway servers[].tls.subjectAltNames'],
    yaml: edge(https('mode: MUTUAL, credentialName: shop, subjectAltNames: [named.example]')) + shopSecret + bound,
    calls: [atShop(showing(named), served), atShop(showing(client), refused)],
  },
  {
    name: 'tls: verifyCertificateHash',
    fields: ['Gateway servers[].tls.verifyCertificateHash'],
    yaml:
      edge(https(`mode: MUTUAL, credentialName: shop, verifyCertificateHash: [${sha256(x509.raw).digest('hex')}]`)) + shopSecret + bound,
    calls: [atShop(showing(client), served), atShop(showing(named), refused)],
  },
  {
    name: 'tls: verifyCertificateSpki',
    fields: ['Gateway servers[].tls.verifyCertificateSpki'],
    yaml:
      edge(
        https(
          `mode: MUTUAL, credentialName: shop, verifyCertificateSpki: ["${sha256(x509.publicKey.export({ type: 'spki', format: 'der' })).digest('base64')}"]`,
        ),
      ) +
      shopSecret +
      bound,
    calls: [atShop(showing(client), served), atShop(showing(named), refused)],
  },
  {
    name: 'tls: ecdhCurves',
    fields: ['Gateway servers[].tls.ecdhCurves'],
    yaml: edge(https('mode: SIMPLE, credentialName: shop, ecdhCurves: [P-384]')) + shopSecret + bound,
    calls: [atShop({ ...trusting, ecdhCurve: 'P-384' }, served), atShop({ ...trusting, ecdhCurve: 'P-256' }, refused)],
  },
  {
    name: 'hosts: of a namespace alone',
    fields: ['Gateway servers[].hosts'],
    yaml:
      edge('port: {number: 8000, name: http, protocol: HTTP}, hosts: ["other/*.example.com", "./own.example.com"]') +
      ['default', 'other']
        .map((namespace) => {
          const spec = (host: string) =>
            `hosts: [${host}], gateways: [default/edge], http: [{directResponse: {status: 202, body: {string: ${namespace}}}}]`;
          return (
            object('VirtualService', 'a', spec('a.example.com'), `namespace: ${namespace}`) +
            object('VirtualService', 'own', spec('own.example.com'), `namespace: ${namespace}`)
          );
        })
        .join(''),
    calls: [
      { via: 'gateway', url: 'http://a.example.com:8000/', expect: { status: 202, body: 'other' } },
      { via: 'gateway', url: 'http://own.example.com:8000/', expect: { status: 202, body: 'default' } },
    ],
  },
  {
    name: 'several gateways share a port',
    fields: ['Gateway servers[].hosts'],
    yaml: ['one', 'two']
      .map(
        (name) =>
          object(
            'Gateway',
            name,
            `selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: http, protocol: HTTP}, hosts: [${name}.example.com]}]`,
          ) +
          object(
            'VirtualService',
            name,
            `hosts: ["*.example.com", ${name}.example.com], gateways: [${name}], http: [{directResponse: {status: 202, body: {string: ${name}}}}]`,
          ),
      )
      .join(''),
    calls: ['one', 'two'].map((name) => ({ via: 'gateway', url: `http://${name}.example.com:8000/`, expect: { status: 202, body: name } })),
  },
  {
    name: 'a connection is not for hosts of which it has not the certificate',
    fields: ['Gateway servers[].hosts'],
    yaml:
      edge(
        https('mode: SIMPLE, credentialName: shop'),
        'port: {number: 8443, name: https-2, protocol: HTTPS}, hosts: [secure.example.com], tls: {mode: SIMPLE, credentialName: secure}',
      ) +
      shopSecret +
      secretYaml('secure', { 'tls.crt': secure.certificate, 'tls.key': secure.key }) +
      bound,
    calls: [
      atShop(trusting, served),
      { ...atShop(trusting, { status: 421 }), headers: { host: 'secure.example.com' } },
      { via: 'gateway', url: 'https://secure.example.com:8443/', tls: { ...trusting, servername: 'secure.example.com' }, expect: served },
    ],
  },
  {
    name: 'tls: PASSTHROUGH: where TLS goes by the name in it',
    fields: [
      'VirtualService tls[].match[].sniHosts',
      'VirtualService tls[].match[].port',
      'VirtualService tls[].match[].gateways',
      'VirtualService tls[].route[].destination.host',
      'VirtualService tls[].route[].destination.port.number',
      'VirtualService tls[].route[].weight',
    ],
    yaml:
      object(
        'ServiceEntry',
        'secure',
        'hosts: [inner.example], ports: [{number: 443, name: tls, protocol: TLS, targetPort: 9080}], resolution: STATIC, endpoints: [{address: POD(secure-v1)}]',
      ) +
      edge('port: {number: 8443, name: tls, protocol: TLS}, hosts: ["*.example.com"], tls: {mode: PASSTHROUGH}') +
      object(
        'VirtualService',
        'routes',
        'hosts: ["*.example.com"], gateways: [edge], tls: [{match: [{sniHosts: [secure.example.com], port: 8443, gateways: [edge]}], route: [{destination: {host: inner.example, port: {number: 443}}, weight: 100}, {destination: {host: nobody.example}, weight: 0}]}, {match: [{sniHosts: ["*.example.com"], port: 8444}], route: [{destination: {host: inner.example}}]}]',
      ),
    calls: [
      {
        via: 'gateway',
        url: 'https://secure.example.com:8443/',
        tls: { ...trusting, servername: 'secure.example.com' },
        expect: asked('secure.example.com'),
      },
      { via: 'gateway', url: 'https://shop.example.com:8443/', tls: trusting, expect: refused },
    ],
  },
  {
    name: 'tls: DestinationRules let a gateway speak TLS, with its own Secrets',
    fields: ['TrafficPolicy tls.credentialName'],
    yaml:
      secretYaml('roots', { 'ca.crt': authority.certificate }) +
      object(
        'ServiceEntry',
        'outside',
        'hosts: [secure.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}], resolution: STATIC, endpoints: [{address: POD(secure-v1)}]',
      ) +
      object('DestinationRule', 'outside', 'host: secure.example.com, trafficPolicy: {tls: {mode: SIMPLE, credentialName: roots}}') +
      edge('port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]') +
      object(
        'VirtualService',
        'routes',
        'hosts: ["*"], gateways: [edge], http: [{rewrite: {authority: secure.example.com}, route: [{destination: {host: secure.example.com}}]}]',
      ),
    calls: [{ via: 'gateway', url: 'http://shop.example.com:8000/', expect: asked('secure.example.com') }],
  },
];

const registryOnly = 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}';

const scopes: Case[] = [
  {
    name: 'Sidecar: one for a workload goes before its namespace’s, and that before the mesh’s',
    fields: ['Sidecar workloadSelector.labels', 'Sidecar egress[].hosts'],
    yaml:
      object(
        'Sidecar',
        'client',
        `workloadSelector: {labels: {app: client}}, egress: [{hosts: ["./ratings.default.svc.cluster.local"]}], ${registryOnly}`,
      ) +
      object('Sidecar', 'default', `egress: [{hosts: ["./reviews.default.svc.cluster.local"]}], ${registryOnly}`) +
      object('Sidecar', 'default', `egress: [{hosts: ["other/*"]}], ${registryOnly}`, 'namespace: istio-system'),
    calls: [
      { url: 'http://ratings:9080/', expect: { reaches: 'ratings-v1' } },
      { url: 'http://reviews:9080/', expect: { status: 502 } },
      { from: 'shopper-a', url: 'http://reviews:9080/', times: 3, expect: {} },
      { from: 'shopper-a', url: 'http://ratings:9080/', expect: { status: 502 } },
      { from: 'stranger', url: 'http://far:9080/', expect: { reaches: 'far-v1' } },
      { from: 'stranger', url: 'http://ratings.default:9080/', expect: { status: 502 } },
    ],
  },
  {
    name: 'Sidecar: egress to nobody',
    fields: ['Sidecar egress[].hosts'],
    yaml: object('Sidecar', 'client', `workloadSelector: {labels: {app: client}}, egress: [{hosts: ["~/*"]}], ${registryOnly}`),
    calls: [{ url: 'http://ratings:9080/', expect: { status: 502 } }],
  },
  {
    name: 'Sidecar: an ingress at an address of its own',
    fields: ['Sidecar ingress[].bind', 'Sidecar ingress[].captureMode'],
    yaml: object(
      'Sidecar',
      'server',
      'workloadSelector: {labels: {app: sidecar}}, ingress: [{port: {number: 9090, protocol: HTTP, name: http}, bind: 127.0.0.1, captureMode: NONE, defaultEndpoint: "127.0.0.1:9080"}]',
    ),
    calls: [{ at: 'LOOPBACK(sidecar-v1):9090', url: 'http://any/', expect: { reaches: 'sidecar-v1' } }],
  },
  {
    name: 'exportTo: nobody',
    fields: ['ServiceEntry exportTo'],
    yaml:
      object(
        'ServiceEntry',
        'outside',
        'hosts: [outside.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}], resolution: STATIC, exportTo: ["~"], endpoints: [{address: POD(outside-1)}]',
      ) + object('Sidecar', 'default', registryOnly),
    calls: [{ url: 'http://outside.example.com/', expect: { status: 502 } }],
  },
  {
    name: 'resolution: NONE: where the request wants to go',
    fields: ['ServiceEntry resolution'],
    yaml:
      object(
        'ServiceEntry',
        'outside',
        'hosts: ["*.dynamic.example"], ports: [{number: 9080, name: http, protocol: HTTP}], resolution: NONE',
      ) + object('Sidecar', 'client', `workloadSelector: {labels: {app: client}}, ${registryOnly}`),
    calls: ['outside-1', 'outside-2'].map((name) => ({ url: `http://${name}.dynamic.example:9080/`, expect: { reaches: name } })),
  },
  {
    name: 'resolution: DNS and DNS_ROUND_ROBIN, of the names of endpoints, each with its port and its place',
    fields: ['ServiceEntry endpoints[].locality', 'WorkloadEntry locality'],
    yaml: ['DNS', 'DNS_ROUND_ROBIN']
      .map((resolution, i) =>
        object(
          'ServiceEntry',
          `outside-${i}`,
          `hosts: [outside-${i}.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: ${resolution}, endpoints: [{address: outside-${i + 1}.dynamic.example, ports: {http: 9080}, locality: r/a}]`,
        ),
      )
      .join('')
      .concat(
        object(
          'ServiceEntry',
          'machines',
          'hosts: [machines.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, workloadSelector: {labels: {app: machine}}',
        ),
        object('WorkloadEntry', 'near', 'address: POD(outside-1), labels: {app: machine}, ports: {http: 9080}, locality: r/a'),
        object('WorkloadEntry', 'away', 'address: POD(outside-2), labels: {app: machine}, ports: {http: 9080}, locality: s/a'),
        object('DestinationRule', 'machines', 'host: machines.example, trafficPolicy: {outlierDetection: {interval: 1s}}'),
      ),
    calls: [
      ...[1, 2].map((i) => ({ url: `http://outside-${i - 1}.example.com/`, expect: { reaches: `outside-${i}` } })),
      { url: 'http://machines.example/', times: 10, expect: { reaches: 'outside-1' } },
    ],
  },
];

export const connectionCases: readonly Case[] = [...originated, ...pools, ...gateways, ...scopes];
