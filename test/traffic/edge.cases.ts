// What the fields of Gateway, ServiceEntry, WorkloadEntry and Sidecar do to traffic, and rules for TCP and TLS, which come in at a gateway here.
import type { Case } from './case.ts';
import { impatient, secretYaml as secret } from './town.ts';
import { authority, client, shop } from './town-certificates.ts';

/** Of the pod `gateway`. */
export const edgeGateway = (...servers: string[]) => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [${servers.map((server) => `{${server}}`).join(', ')}]}
---`;
const virtualService = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routes, namespace: default}
spec: {${spec}}
---`;
const bound = (...names: string[]) =>
  virtualService(`hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: ${names[0] ?? 'reviews'}, subset: v1}}]}]`);
const trusting = { ca: authority.certificate, servername: 'shop.example.com' };
const https = (number: number, tls: string) =>
  `port: {number: ${number}, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {${tls}}`;

const gateways: Case[] = [
  {
    name: 'servers: a port, its hosts',
    fields: [
      'Gateway selector',
      'Gateway servers[].name',
      'Gateway servers[].port.number',
      'Gateway servers[].port.protocol',
      'Gateway servers[].port.name',
      'Gateway servers[].hosts',
    ],
    yaml: edgeGateway('name: web, port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*.example.com"]') + bound(),
    calls: [
      { via: 'gateway', url: 'http://a.example.com:8000/', expect: { reaches: 'reviews-v1' } },
      { via: 'gateway', url: 'http://a.example.org:8000/', expect: { status: 404 } },
    ],
  },
  {
    name: 'tls: SIMPLE, with versions and ciphers',
    fields: [
      'Gateway servers[].tls.mode',
      'Gateway servers[].tls.credentialName',
      'Gateway servers[].tls.minProtocolVersion',
      'Gateway servers[].tls.maxProtocolVersion',
      'Gateway servers[].tls.cipherSuites',
    ],
    yaml:
      edgeGateway(
        https(
          8443,
          'mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES128-GCM-SHA256]',
        ),
      ) +
      secret('shop', { 'tls.crt': shop.certificate, 'tls.key': shop.key }) +
      bound(),
    calls: [
      { via: 'gateway', url: 'https://shop.example.com:8443/', tls: trusting, expect: { reaches: 'reviews-v1' } },
      {
        via: 'gateway',
        url: 'https://shop.example.com:8443/',
        tls: { ...trusting, minVersion: 'TLSv1.3' },
        expect: { fails: /alert|version/ },
      },
      {
        via: 'gateway',
        url: 'https://shop.example.com:8443/',
        tls: { ...trusting, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' },
        expect: { fails: /alert|handshake/ },
      },
    ],
  },
  {
    name: 'tls: MUTUAL',
    fields: ['Gateway servers[].tls.caCertCredentialName'],
    yaml:
      edgeGateway(https(8443, 'mode: MUTUAL, credentialName: shop, caCertCredentialName: clients')) +
      secret('shop', { 'tls.crt': shop.certificate, 'tls.key': shop.key }) +
      secret('clients', { 'ca.crt': authority.certificate }) +
      bound(),
    calls: [
      {
        via: 'gateway',
        url: 'https://shop.example.com:8443/',
        tls: { ...trusting, cert: client.certificate, key: client.key },
        expect: { reaches: 'reviews-v1' },
      },
      { via: 'gateway', url: 'https://shop.example.com:8443/', tls: trusting, expect: { fails: /alert|certificate|ECONNRESET|hang up/ } },
    ],
  },
  {
    name: 'bind: servers of one port at addresses of their own',
    fields: ['Gateway servers[].bind'],
    yaml:
      edgeGateway(
        'port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]',
        'port: {number: 8000, name: inner, protocol: HTTP}, bind: 127.0.0.1, hosts: [inner.example.com]',
      ) + bound(),
    calls: [
      { at: 'POD(gateway):8000', url: 'http://shop.example.com:8000/', expect: { reaches: 'reviews-v1' } },
      { at: 'LOOPBACK(gateway):8000', url: 'http://inner.example.com:8000/', expect: { reaches: 'reviews-v1' } },
      { at: 'LOOPBACK(gateway):8000', url: 'http://shop.example.com:8000/', expect: { status: 404 } },
    ],
  },
  {
    name: 'tls: httpsRedirect',
    fields: ['Gateway servers[].tls.httpsRedirect'],
    yaml: edgeGateway('port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"], tls: {httpsRedirect: true}') + bound(),
    calls: [
      {
        via: 'gateway',
        url: 'http://shop.example.com:8000/p',
        expect: { status: 301, responseHeaders: { location: 'https://shop.example.com:8000/p' } },
      },
    ],
  },
];

const connections: Case[] = [
  {
    name: 'tcp: by port, to a destination',
    fields: [
      'VirtualService tcp[].match[].port',
      'VirtualService tcp[].match[].gateways',
      'VirtualService tcp[].route[].destination.host',
      'VirtualService tcp[].route[].destination.subset',
      'VirtualService tcp[].route[].destination.port.number',
    ],
    yaml:
      edgeGateway(
        'port: {number: 8001, name: tcp, protocol: TCP}, hosts: ["*"]',
        'port: {number: 8002, name: tcp-2, protocol: TCP}, hosts: ["*"]',
      ) +
      virtualService(
        'hosts: ["*"], gateways: [edge], tcp: [{match: [{port: 8001, gateways: [edge]}], route: [{destination: {host: reviews, subset: v2, port: {number: 9080}}}]}, {match: [{port: 8002}], route: [{destination: {host: ratings, port: {number: 9080}}}]}]',
      ),
    calls: [
      { via: 'gateway', url: 'http://any:8001/', expect: { reaches: 'reviews-v2' } },
      { via: 'gateway', url: 'http://any:8002/', expect: { reaches: 'ratings-v1' } },
    ],
  },
  {
    name: 'tcp: weights',
    fields: ['VirtualService tcp[].route[].weight'],
    yaml:
      edgeGateway('port: {number: 8001, name: tcp, protocol: TCP}, hosts: ["*"]') +
      virtualService(
        'hosts: ["*"], gateways: [edge], tcp: [{route: [{destination: {host: reviews, subset: v1}, weight: 80}, {destination: {host: reviews, subset: v2}, weight: 20}]}]',
      ),
    calls: [{ via: 'gateway', url: 'http://any:8001/', times: 300, expect: { reaches: { 'reviews-v1': 0.8, 'reviews-v2': 0.2 } } }],
  },
];

const entry = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec: {${spec}}
---`;

const [one, two] = ['POD(outside-1)', 'POD(outside-2)'];
const port = 'ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}]';
const entries: Case[] = [
  {
    name: 'resolution: STATIC, with weights',
    fields: [
      'ServiceEntry hosts',
      'ServiceEntry ports[].number',
      'ServiceEntry ports[].name',
      'ServiceEntry ports[].protocol',
      'ServiceEntry ports[].targetPort',
      'ServiceEntry resolution',
      'ServiceEntry endpoints[].address',
      'ServiceEntry endpoints[].weight',
    ],
    yaml: entry(
      `hosts: [outside.example.com], ${port}, resolution: STATIC, endpoints: [{address: ${one}, weight: 80}, {address: ${two}, weight: 20}]`,
    ),
    calls: [{ url: 'http://outside.example.com/', times: 500, expect: { reaches: { 'outside-1': 0.8, 'outside-2': 0.2 } } }],
  },
  {
    name: 'endpoints: ports and labels of their own',
    fields: ['ServiceEntry endpoints[].ports', 'ServiceEntry endpoints[].labels'],
    yaml: `${entry(`hosts: [outside.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: ${one}, ports: {http: 9080}, labels: {v: one}}, {address: ${two}, ports: {http: 9080}, labels: {v: two}}]`)}
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: outside, namespace: default}
spec: {host: outside.example.com, subsets: [{name: two, labels: {v: two}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: outside, namespace: default}
spec: {hosts: [outside.example.com], http: [{route: [{destination: {host: outside.example.com, subset: two}}]}]}
`,
    calls: [{ url: 'http://outside.example.com/', times: 10, expect: { reaches: 'outside-2' } }],
  },
  {
    name: 'endpoints: a Unix socket',
    fields: ['ServiceEntry endpoints[].address'],
    yaml: entry(
      'hosts: [outside.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: "unix://SOCKET(socket-v1)"}]',
    ),
    calls: [{ url: 'http://outside.example.com/', times: 2, expect: { reaches: 'socket-v1' } }],
  },
  {
    name: 'resolution: DNS',
    fields: ['ServiceEntry resolution'],
    yaml: entry(`hosts: [outside.example.com], ${port}, resolution: DNS, endpoints: [{address: ${one}}]`),
    calls: [{ url: 'http://outside.example.com/', expect: { reaches: 'outside-1' } }],
  },
  {
    name: 'resolution: DYNAMIC_DNS, by the authority of a request',
    fields: ['ServiceEntry resolution'],
    yaml: entry('hosts: ["*.dynamic.example"], ports: [{number: 9080, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS'),
    calls: [
      { url: 'http://outside-1.dynamic.example:9080/', times: 2, expect: { reaches: 'outside-1' } },
      { url: 'http://outside-2.dynamic.example:9080/', times: 2, expect: { reaches: 'outside-2' } },
      { url: 'http://nobody.dynamic.example:9080/', expect: { status: 503 } },
    ],
  },
  {
    name: 'resolution: DYNAMIC_DNS, by the name in TLS and in CONNECT',
    fields: ['ServiceEntry resolution'],
    yaml: `${entry('hosts: ["*.dynamic.example"], ports: [{number: 9080, name: tls, protocol: TLS}], resolution: DYNAMIC_DNS')}
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: default}
spec: {workloadSelector: {labels: {app: client}}, egress: [{port: {number: 9080, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: ["*/*"]}]}
`,
    calls: [
      { tunnel: 'outside-2.dynamic.example:9080', url: 'http://any/', expect: { reaches: 'outside-2' } },
      // Whoever is there answers in the clear.
      {
        at: 'LOOPBACK(client):9080',
        url: 'https://outside-1.dynamic.example:9080/',
        tls: { servername: 'outside-1.dynamic.example' },
        expect: { fails: /wrong version number|packet length too long/ },
      },
      {
        at: 'LOOPBACK(client):9080',
        url: 'https://elsewhere.example:9080/',
        tls: { servername: 'elsewhere.example' },
        expect: { fails: /ECONNRESET|disconnected/ },
      },
    ],
  },
  {
    name: 'workloadSelector: of WorkloadEntries',
    fields: [
      'ServiceEntry workloadSelector.labels',
      'ServiceEntry location',
      'WorkloadEntry address',
      'WorkloadEntry labels',
      'WorkloadEntry weight',
    ],
    yaml: `${entry(`hosts: [outside.example.com], ${port}, resolution: STATIC, location: MESH_INTERNAL, workloadSelector: {labels: {app: machine}}`)}
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: machine-1, namespace: default}
spec: {address: ${one}, labels: {app: machine}, weight: 20}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: machine-2, namespace: default}
spec: {address: ${two}, labels: {app: machine}, weight: 80}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: other, namespace: default}
spec: {address: 127.0.0.9, labels: {app: other}}
`,
    calls: [{ url: 'http://outside.example.com/', times: 500, expect: { reaches: { 'outside-1': 0.2, 'outside-2': 0.8 } } }],
  },
  {
    name: 'WorkloadEntry: ports of its own',
    fields: ['WorkloadEntry ports'],
    yaml: `${entry('hosts: [outside.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, workloadSelector: {labels: {app: machine}}')}
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: machine-1, namespace: default}
spec: {address: ${one}, labels: {app: machine}, ports: {http: 9080}}
`,
    calls: [{ url: 'http://outside.example.com/', expect: { reaches: 'outside-1' } }],
  },
  {
    name: 'exportTo',
    fields: ['ServiceEntry exportTo'],
    yaml: `${entry(`hosts: [outside.example.com], ${port}, resolution: STATIC, exportTo: ["."], endpoints: [{address: ${one}}]`)}
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: other}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
`,
    calls: [
      { url: 'http://outside.example.com/', expect: { reaches: 'outside-1' } },
      { url: 'http://outside.example.com/', from: 'stranger', expect: { status: 502 } },
    ],
  },
];

const sidecar = (spec: string, name = 'scope') => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}, namespace: default}
spec: {${spec}}
---`;

const registryOnly = 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}';

const sidecars: Case[] = [
  {
    name: 'egress: hosts',
    fields: ['Sidecar workloadSelector.labels', 'Sidecar egress[].hosts', 'Sidecar outboundTrafficPolicy.mode'],
    yaml: sidecar(
      `workloadSelector: {labels: {app: client}}, egress: [{hosts: ["./ratings.default.svc.cluster.local", "other/*"]}], ${registryOnly}`,
    ),
    calls: [
      { url: 'http://ratings:9080/', expect: { reaches: 'ratings-v1' } },
      { url: 'http://far.other:9080/', expect: { reaches: 'far-v1' } },
      { url: 'http://reviews:9080/', expect: { status: 502 } },
    ],
  },
  {
    name: 'egress: a port',
    fields: ['Sidecar egress[].port.number', 'Sidecar egress[].port.protocol', 'Sidecar egress[].port.name'],
    yaml: sidecar(
      `egress: [{port: {number: 9080, protocol: HTTP, name: http}, hosts: ["./two-ports.default.svc.cluster.local"]}], ${registryOnly}`,
    ),
    calls: [
      { url: 'http://two-ports:9080/', expect: { reaches: 'two-ports-v1' } },
      { url: 'http://two-ports:9081/', expect: { status: 502 } },
    ],
  },
  {
    name: 'egress: bind, with captureMode NONE',
    fields: ['Sidecar egress[].bind', 'Sidecar egress[].captureMode'],
    yaml: sidecar(
      `workloadSelector: {labels: {app: client}}, egress: [{port: {number: 7070, protocol: TCP, name: tcp}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./*"]}, {hosts: ["./*"]}]`,
    ),
    calls: [{ at: 'LOOPBACK(client):7070', url: 'http://any/', expect: { reaches: 'two-ports-v1' } }],
  },
  ...['SOCKET(egress)', '@lateen-traffic-egress'].flatMap((path): Case[] => [
    {
      name: `egress: bind, a Unix socket for HTTP: ${path}`,
      fields: ['Sidecar egress[].bind'],
      yaml: sidecar(
        `workloadSelector: {labels: {app: client}}, egress: [{port: {number: 0, protocol: HTTP, name: http}, bind: "unix://${path}", captureMode: NONE, hosts: ["./*"]}]`,
      ),
      calls: ['ratings', 'sidecar'].map((name) => ({ at: path, url: `http://${name}:9080/`, expect: { reaches: `${name}-v1` } })),
    },
  ]),
  {
    name: 'egress: bind, a Unix socket for TCP',
    fields: ['Sidecar egress[].bind'],
    yaml: sidecar(
      'workloadSelector: {labels: {app: client}}, egress: [{port: {number: 0, protocol: TCP, name: tcp}, bind: "unix://SOCKET(egress)", captureMode: NONE, hosts: ["./two-ports.default.svc.cluster.local"]}]',
    ),
    calls: [{ at: 'SOCKET(egress)', url: 'http://any/', times: 2, expect: { reaches: 'two-ports-v1' } }],
  },
  {
    name: 'ingress: a port, and where its program listens',
    fields: [
      'Sidecar ingress[].port.number',
      'Sidecar ingress[].port.protocol',
      'Sidecar ingress[].port.name',
      'Sidecar ingress[].defaultEndpoint',
    ],
    yaml: sidecar(
      'workloadSelector: {labels: {app: sidecar}}, ingress: [{port: {number: 9081, protocol: HTTP, name: http}, defaultEndpoint: "127.0.0.1:9080"}]',
    ),
    calls: [
      { url: 'http://sidecar:9081/', expect: { reaches: 'sidecar-v1' } },
      { url: 'http://sidecar:9080/', expect: { status: 503 } },
    ],
  },
  {
    name: 'ingress: a program at a Unix socket',
    fields: ['Sidecar ingress[].defaultEndpoint'],
    yaml: sidecar(
      'workloadSelector: {labels: {app: socket}}, ingress: [{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: "unix://SOCKET(socket-v1)"}]',
    ),
    calls: [{ url: 'http://socket:9080/', times: 2, expect: { reaches: 'socket-v1' } }],
  },
  {
    name: 'ingress: a connection pool',
    fields: ['Sidecar ingress[].connectionPool'],
    yaml: `${sidecar('workloadSelector: {labels: {app: hanging}}, ingress: [{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: "127.0.0.1:9080", connectionPool: {http: {http2MaxRequests: 1}}}]')}${impatient('hanging')}`,
    calls: [{ url: 'http://hanging:9080/', together: 4, expect: { statuses: [503, 503, 503, 504] } }],
  },
  {
    name: 'inboundConnectionPool',
    fields: ['Sidecar inboundConnectionPool'],
    yaml: `${sidecar('workloadSelector: {labels: {app: hanging}}, inboundConnectionPool: {http: {http2MaxRequests: 1}}')}${impatient('hanging')}`,
    calls: [{ url: 'http://hanging:9080/', together: 4, expect: { statuses: [503, 503, 503, 504] } }],
  },
  {
    name: 'outboundTrafficPolicy: egressProxy',
    fields: [
      'Sidecar outboundTrafficPolicy.egressProxy.host',
      'Sidecar outboundTrafficPolicy.egressProxy.port.number',
      'Sidecar outboundTrafficPolicy.egressProxy.subset',
    ],
    yaml: sidecar(
      'outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: reviews.default.svc.cluster.local, subset: v2, port: {number: 9080}}}',
    ),
    calls: [{ url: 'http://unknown.example.com/', expect: { reaches: 'reviews-v2', headers: { host: 'unknown.example.com' } } }],
  },
];

export const edgeCases = { gateways, connections, entries, sidecars };
