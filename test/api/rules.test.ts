// What Istio's webhook refuses, takes, and takes with a warning: a row a rule. `error CODE field`, `warning CODE field` or `valid`.
import { describe, expect, test } from 'vitest';
import { readManifest } from '#api/manifest';

const versions: Readonly<Record<string, string>> = {
  AuthorizationPolicy: 'security.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  EnvoyFilter: 'networking.istio.io/v1alpha3',
  Gateway: 'networking.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  ProxyConfig: 'networking.istio.io/v1beta1',
  RequestAuthentication: 'security.istio.io/v1',
  ServiceEntry: 'networking.istio.io/v1',
  Sidecar: 'networking.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1',
  TrafficExtension: 'extensions.istio.io/v1alpha1',
  VirtualService: 'networking.istio.io/v1',
  WasmPlugin: 'extensions.istio.io/v1alpha1',
  WorkloadEntry: 'networking.istio.io/v1',
  WorkloadGroup: 'networking.istio.io/v1',
};

const route = 'route: [{destination: {host: a}}]';
const http = (rule: string, spec = 'hosts: [a]') => `${spec}, http: [{${rule}}]`;
const policy = (inside: string) => `host: a, trafficPolicy: {${inside}}`;
const server = (inside: string) => `servers: [{port: {number: 443, name: s, protocol: HTTPS}, hosts: ["a.com"], ${inside}}]`;
const entry = (inside: string) => `hosts: [a.com], ${inside}`;
const rule = (inside: string) => `rules: [{${inside}}]`;
const patch = (inside: string) => `configPatches: [{${inside}}]`;

const rows: Readonly<Record<string, readonly (readonly [spec: string, expected: string])[]>> = {
  AuthorizationPolicy: [
    ['', 'valid'],
    ['action: DENY', 'error MISSING_FIELD spec.rules'],
    ['action: CUSTOM, rules: [{}]', 'error MISSING_FIELD spec.provider.name'],
    ['rules: [{}], provider: {name: a}', 'error CONFLICTING_FIELDS spec.provider'],
    [
      'action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {namespaces: [a]}}]}]',
      'error UNSUPPORTED spec.rules[0].from[0].source.namespaces',
    ],
    [rule('from: []'), 'error MISSING_FIELD spec.rules[0].from'],
    [rule('from: [{}]'), 'error MISSING_FIELD spec.rules[0].from[0].source'],
    [rule('from: [{source: {principals: [""]}}]'), 'error MISSING_FIELD spec.rules[0].from[0].source.principals[0]'],
    [rule('from: [{source: {ipBlocks: ["1.2.3.4:80"]}}]'), 'error INVALID_VALUE spec.rules[0].from[0].source.ipBlocks[0]'],
    [rule('from: [{source: {serviceAccounts: [a], namespaces: [b]}}]'), 'error INVALID_VALUE spec.rules[0].from[0].source'],
    [rule('from: [{source: {serviceAccounts: [a/b/c]}}]'), 'error INVALID_VALUE spec.rules[0].from[0].source.serviceAccounts[0]'],
    [rule('to: [{operation: {ports: ["80000"]}}]'), 'error INVALID_VALUE spec.rules[0].to[0].operation.ports[0]'],
    [rule('to: [{operation: {paths: ["/{*}/{a}"]}}]'), 'error INVALID_VALUE spec.rules[0].to[0].operation.paths[0]'],
    [rule('to: [{operation: {paths: ["/a/{*}/b/{**}"]}}]'), 'valid'],
    [rule('when: [{key: source.ip}]'), 'error MISSING_FIELD spec.rules[0].when[0]'],
    [rule('when: [{key: nothing, values: [a]}]'), 'error UNKNOWN_VALUE spec.rules[0].when[0].key'],
    [rule('when: [{key: "request.headers", values: [a]}]'), 'error INVALID_VALUE spec.rules[0].when[0].key'],
    [rule('when: [{key: "request.headers[a]", values: [a]}]'), 'valid'],
    [rule('when: [{key: destination.port, notValues: [x]}]'), 'error INVALID_VALUE spec.rules[0].when[0].notValues[0]'],
    ['action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]', 'warning DENIES_TCP spec.rules[0]'],
    ['selector: {}', 'warning EMPTY_SELECTOR spec.selector'],
    ['targetRef: {kind: Pod, name: a}', 'error UNSUPPORTED spec.targetRef.kind'],
    ['targetRef: {kind: Service, name: a, namespace: b}', 'error INVALID_VALUE spec.targetRef.namespace'],
    ['targetRef: {kind: Service, name: a}, selector: {matchLabels: {a: b}}', 'error CONFLICTING_FIELDS spec'],
    ['selector: {matchLabels: {"a*": b}}', 'error INVALID_VALUE spec.selector.matchLabels'],
  ],
  DestinationRule: [
    ['host: a_b.com', 'error INVALID_HOST spec.host'],
    ['host: a, exportTo: [".", b]', 'valid'],
    ['host: a, exportTo: ["*", b]', 'error CONFLICTING_FIELDS spec.exportTo'],
    ['host: a, exportTo: [".", default]', 'error DUPLICATE_NAME spec.exportTo[1]'],
    ['host: a, exportTo: [b], workloadSelector: {matchLabels: {a: b}}', 'error CONFLICTING_FIELDS spec.exportTo'],
    [policy(''), 'error MISSING_FIELD spec.trafficPolicy'],
    [policy('portLevelSettings: [{port: {number: 1}}]'), 'error MISSING_FIELD spec.trafficPolicy.portLevelSettings[0]'],
    [policy('connectionPool: {http: {maxRetries: -1}}'), 'error OUT_OF_RANGE spec.trafficPolicy.connectionPool.http.maxRetries'],
    [policy('outlierDetection: {consecutiveErrors: 1}'), 'warning DEPRECATED spec.trafficPolicy.outlierDetection.consecutiveErrors'],
    [
      policy('outlierDetection: {consecutiveLocalOriginFailures: 1}'),
      'error CONFLICTING_FIELDS spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures',
    ],
    [
      policy('loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 10}}}'),
      'error OUT_OF_RANGE spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize',
    ],
    [
      policy('loadBalancer: {warmup: {duration: 1s, aggression: 0.5}}'),
      'error OUT_OF_RANGE spec.trafficPolicy.loadBalancer.warmup.aggression',
    ],
    [
      policy('loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 50}}]}}'),
      'error INVALID_WEIGHTS spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to',
    ],
    [
      policy('loadBalancer: {localityLbSetting: {distribute: [{from: "a/*", to: {b: 50, "b/c": 50}}]}}'),
      'error DUPLICATE_NAME spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to',
    ],
    [
      policy('loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}'),
      'warning NO_EFFECT spec.trafficPolicy.loadBalancer.localityLbSetting',
    ],
    [policy('tls: {mode: MUTUAL}'), 'error MISSING_FIELD spec.trafficPolicy.tls.clientCertificate'],
    [
      policy('tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}'),
      'error CONFLICTING_FIELDS spec.trafficPolicy.tls.insecureSkipVerify',
    ],
    [policy('tls: {mode: SIMPLE, credentialName: a, caCertificates: b}'), 'error CONFLICTING_FIELDS spec.trafficPolicy.tls'],
    [policy('tunnel: {targetHost: "a b", targetPort: 1}'), 'error INVALID_HOST spec.trafficPolicy.tunnel.targetHost'],
  ],
  EnvoyFilter: [
    ['', 'warning UNSTABLE_API spec'],
    [patch(''), 'error MISSING_FIELD spec.configPatches[0].applyTo'],
    [patch('applyTo: CLUSTER'), 'error MISSING_FIELD spec.configPatches[0].patch'],
    [patch('applyTo: CLUSTER, patch: {operation: MERGE}'), 'error MISSING_FIELD spec.configPatches[0].patch.value'],
    [
      patch('applyTo: CLUSTER, match: {listener: {}}, patch: {operation: REMOVE}'),
      'error CONFLICTING_FIELDS spec.configPatches[0].match.listener',
    ],
    [
      patch('applyTo: LISTENER, match: {listener: {filterChain: {filter: {name: a}}}}, patch: {operation: REMOVE}'),
      'warning NO_EFFECT spec.configPatches[0].match.listener.filterChain.filter',
    ],
    [
      patch('applyTo: HTTP_FILTER, match: {context: WAYPOINT}, patch: {operation: REMOVE}'),
      'error INVALID_VALUE spec.configPatches[0].match',
    ],
    [
      patch('applyTo: HTTP_FILTER, match: {proxy: {proxyVersion: "("}}, patch: {operation: REMOVE}'),
      'error INVALID_REGEX spec.configPatches[0].match.proxy.proxyVersion',
    ],
    [
      patch('applyTo: CLUSTER, patch: {operation: MERGE, value: {t: {"@type": type.googleapis.com/envoy.api.v2.Cluster}}}'),
      'error UNKNOWN_VALUE spec.configPatches[0].patch.value.t',
    ],
  ],
  Gateway: [
    [server('tls: {mode: SIMPLE, credentialName: a}'), 'valid'],
    [server('tls: {mode: SIMPLE, credentialName: a, serverCertificate: b, privateKey: c}'), 'error CONFLICTING_FIELDS spec.servers[0].tls'],
    [server('tls: {mode: MUTUAL, serverCertificate: b, privateKey: c}'), 'error MISSING_FIELD spec.servers[0].tls.caCertificates'],
    [server('tls: {mode: ISTIO_MUTUAL, credentialName: a}'), 'error CONFLICTING_FIELDS spec.servers[0].tls.credentialName'],
    [server('tls: {mode: PASSTHROUGH, credentialName: a}'), 'warning NO_EFFECT spec.servers[0].tls'],
    [server('tls: {mode: SIMPLE, credentialName: a, cipherSuites: [NONE]}'), 'warning UNKNOWN_VALUE spec.servers[0].tls.cipherSuites[0]'],
    [server('bind: nowhere, tls: {}'), 'error INVALID_ADDRESS spec.servers[0].bind'],
    ['servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [short]}]', 'error INVALID_HOST spec.servers[0].hosts[0]'],
    ['servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ["~/a.com"]}]', 'error INVALID_HOST spec.servers[0].hosts[0]'],
    ['servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*"], tls: {httpsRedirect: true}}]', 'valid'],
    ['servers: [{port: {number: 80, name: a, protocol: TCP}, hosts: ["*"], tls: {}}]', 'error CONFLICTING_FIELDS spec.servers[0].tls'],
  ],
  PeerAuthentication: [
    ['mtls: {mode: STRICT}', 'valid'],
    ['portLevelMtls: {"80": {mode: DISABLE}}', 'error INVALID_VALUE spec'],
    ['selector: {matchLabels: {a: b}}, portLevelMtls: {"0": {mode: DISABLE}}', 'error INVALID_VALUE spec.portLevelMtls'],
  ],
  ProxyConfig: [
    ['concurrency: -1', 'error OUT_OF_RANGE spec.concurrency'],
    ['selector: {matchLabels: {}}', 'warning EMPTY_SELECTOR spec.selector'],
  ],
  RequestAuthentication: [
    ['jwtRules: [{}]', 'error MISSING_FIELD spec.jwtRules[0].issuer'],
    ['jwtRules: [{jwksUri: "https://a/b"}]', 'valid'],
    ['jwtRules: [{issuer: a, jwksUri: a.com}]', 'error INVALID_VALUE spec.jwtRules[0].jwksUri'],
    ['jwtRules: [{issuer: a, jwks: "{"}]', 'error INVALID_VALUE spec.jwtRules[0].jwks'],
    ['jwtRules: [{issuer: a, fromHeaders: [{name: ""}]}]', 'error MISSING_FIELD spec.jwtRules[0].fromHeaders[0].name'],
  ],
  ServiceEntry: [
    ['hosts: ["*"]', 'error INVALID_VALUE spec.hosts[0]'],
    ['hosts: ["*a.com"]', 'warning INVALID_HOST spec.hosts[0]'],
    [entry('resolution: STATIC, endpoints: [{network: n}]'), 'warning MISSING_FIELD spec.endpoints[0].address'],
    [entry('resolution: DNS, endpoints: [{network: n}]'), 'error MISSING_FIELD spec.endpoints[0].address'],
    [entry('endpoints: [{address: 1.1.1.1}]'), 'error INVALID_VALUE spec'],
    [entry('resolution: DNS, addresses: [10.0.0.0/8]'), 'error INVALID_VALUE spec'],
    ['hosts: [a.com, b.com], resolution: DNS, ports: [{number: 1, name: a, protocol: TCP}]', 'error CONFLICTING_FIELDS spec.ports[0]'],
    ['hosts: ["*.a.com"], resolution: DNS', 'error INVALID_HOST spec.hosts[0]'],
    [entry('exportTo: ["~"]'), 'valid'],
    [entry('workloadSelector: {labels: {a: b}}'), 'warning NO_EFFECT spec.workloadSelector'],
  ],
  Sidecar: [
    ['', 'error MISSING_FIELD spec'],
    ['outboundTrafficPolicy: {mode: ALLOW_ANY}', 'valid'],
    ['egress: [{hosts: ["*/*", a/b.com]}]', 'warning DUPLICATE_HOST spec.egress[0].hosts[1]'],
    ['egress: [{hosts: [a/short]}]', 'error INVALID_HOST spec.egress[0].hosts[0]'],
    ['egress: [{bind: unix:///a, port: {protocol: TCP}, hosts: ["./*"]}]', 'valid'],
    ['egress: [{port: {protocol: TCP}, hosts: ["./*"]}]', 'error MISSING_FIELD spec.egress[0].port.number'],
    ['ingress: [{port: {number: 80, protocol: HTTP}, defaultEndpoint: ":80"}]', 'valid'],
    [
      'ingress: [{port: {number: 80, protocol: HTTP}, defaultEndpoint: "10.0.0.1:80"}]',
      'error INVALID_ADDRESS spec.ingress[0].defaultEndpoint',
    ],
    ['ingress: [{port: {number: 80, protocol: HTTPS}, tls: {mode: ISTIO_MUTUAL}}]', 'error UNSUPPORTED spec.ingress[0].tls.mode'],
    [
      'outboundTrafficPolicy: {mode: REGISTRY_ONLY, egressProxy: {host: a.b, port: {number: 1}}}',
      'error CONFLICTING_FIELDS spec.outboundTrafficPolicy.egressProxy',
    ],
  ],
  Telemetry: [
    ['tracing: [{}, {}]', 'warning NO_EFFECT spec.tracing[1]'],
    ['tracing: [{randomSamplingPercentage: 101}]', 'error OUT_OF_RANGE spec.tracing[0].randomSamplingPercentage'],
    ['metrics: [{overrides: [{tagOverrides: {a: {}}}]}]', 'error MISSING_FIELD spec.metrics[0].overrides[0].tagOverrides.a.value'],
    [
      'metrics: [{overrides: [{tagOverrides: {a: {operation: REMOVE, value: b}}}]}]',
      'error INVALID_VALUE spec.metrics[0].overrides[0].tagOverrides.a',
    ],
  ],
  TrafficExtension: [
    ['lua: {inlineCode: x}', 'valid'],
    ['', 'error MISSING_FIELD spec'],
    ['lua: {inlineCode: x}, wasm: {url: a}', 'error CONFLICTING_FIELDS spec'],
    ['lua: {inlineCode: ""}', 'error MISSING_FIELD spec.lua.inlineCode'],
  ],
  VirtualService: [
    [http(`match: [{uri: {prefix: ""}}], ${route}`), 'valid'],
    [http(`match: [{scheme: {prefix: ""}}], ${route}`), 'error INVALID_VALUE spec.http[0].match[0].scheme.prefix'],
    [http(`match: [{withoutHeaders: {a: {regex: "*"}}}], ${route}`), 'valid'],
    [
      http(`match: [{headers: {"@request.auth.claims.a": {exact: b}}}], ${route}`),
      'error UNSUPPORTED spec.http[0].match[0].headers["@request.auth.claims.a"]',
    ],
    [http(`match: [{headers: {"@request.auth.claims.a": {exact: b}}}], ${route}`, 'hosts: [a], gateways: [g]'), 'valid'],
    [http('route: [{destination: {host: a}, weight: 0}]'), 'valid'],
    [http('route: [{destination: {host: a, port: {}}}]'), 'error MISSING_FIELD spec.http[0].route[0].destination.port.number'],
    [http(`${route}, headers: {request: {set: {Host: b}}}`), 'valid'],
    [http(`${route}, headers: {request: {set: {Host: b}}}, rewrite: {authority: c}`), 'error CONFLICTING_FIELDS spec.http[0]'],
    [http(`${route}, headers: {request: {set: {":path": b}}}`), 'error UNSUPPORTED spec.http[0].headers.request.set[":path"]'],
    [http(`${route}, headers: {response: {remove: [Host]}}`), 'error UNSUPPORTED spec.http[0].headers.response.remove[0]'],
    [http(`${route}, headers: {response: {set: {a: "100%"}}}`), 'error INVALID_VALUE spec.http[0].headers.response.set.a'],
    [http(`${route}, headers: {response: {set: {a: "100%% %START_TIME(%s)% %PROTOCOL%"}}}`), 'valid'],
    [http(`${route}, corsPolicy: {allowMethods: [FETCH]}`), 'error UNKNOWN_VALUE spec.http[0].corsPolicy.allowMethods[0]'],
    [http(`${route}, corsPolicy: {maxAge: 1500ms}`), 'error INVALID_DURATION spec.http[0].corsPolicy.maxAge'],
    [http(`${route}, fault: {abort: {grpcStatus: "14"}}`), 'error UNKNOWN_VALUE spec.http[0].fault.abort.grpcStatus'],
    [http(`${route}, fault: {abort: {}}`), 'warning MISSING_FIELD spec.http[0].fault.abort'],
    [
      http(`${route}, fault: {delay: {fixedDelay: 1s, percentage: {value: 0.00001}}}`),
      'error OUT_OF_RANGE spec.http[0].fault.delay.percentage.value',
    ],
    [http(`${route}, fault: {delay: {exponentialDelay: 1s}}`), 'error UNSUPPORTED spec.http[0].fault.delay.exponentialDelay'],
    [http(`${route}, mirrorPercent: 5`), 'warning DEPRECATED spec.http[0].mirrorPercent'],
    [http(`${route}, retries: {attempts: 0, perTryTimeout: 1s}`), 'error CONFLICTING_FIELDS spec.http[0].retries'],
    [http(`${route}, retries: {attempts: 1, retryOn: "5xx,503"}`), 'valid'],
    [http(`${route}, retries: {attempts: 1, retryOn: "5xx, 503"}`), 'error UNKNOWN_VALUE spec.http[0].retries.retryOn'],
    [http('directResponse: {status: 200}, fault: {abort: {httpStatus: 500}}'), 'error CONFLICTING_FIELDS spec.http[0]'],
    [http('delegate: {name: d}'), 'valid'],
    [http(`delegate: {name: d}, ${route}`), 'error CONFLICTING_FIELDS spec.http[0]'],
    [http('delegate: {name: d}', 'exportTo: ["."]'), 'error INVALID_VALUE spec.http[0].delegate'],
    [http(route, 'hosts: [a], gateways: [./g]'), 'error INVALID_NAME spec.gateways[0]'],
    [http(route, 'hosts: [a], gateways: [g.b.svc.cluster.local]'), 'warning DEPRECATED spec.gateways[0]'],
    [
      `hosts: [a], tcp: [{match: [{destinationSubnets: [a]}], ${route}}]`,
      'error INVALID_ADDRESS spec.tcp[0].match[0].destinationSubnets[0]',
    ],
    [`hosts: [a.com], tls: [{match: [{sniHosts: [b.com]}], ${route}}]`, 'error INVALID_HOST spec.tls[0].match[0].sniHosts[0]'],
    [`hosts: ["*.a.com"], tls: [{match: [{sniHosts: [b.a.com]}], ${route}}]`, 'valid'],
    [
      `hosts: [a], http: [{match: [{uri: {prefix: /a}}], ${route}}, {match: [{uri: {prefix: /ab}}], ${route}}]`,
      'warning INEFFECTIVE_MATCH spec.http[1].match[0]',
    ],
    [
      `hosts: [a], http: [{match: [{uri: {prefix: /a}}], ${route}}, {match: [{name: x, uri: {prefix: /a}}], ${route}}]`,
      'warning UNREACHABLE_RULE spec.http[1]',
    ],
    [`hosts: [a], http: [{${route}}, {match: [{uri: {prefix: /a}}], ${route}}]`, 'warning SHADOWED_RULE spec.http[1]'],
  ],
  WasmPlugin: [
    ['url: oci://a/b', 'valid'],
    ['url: registry:5000/b', 'valid'],
    ['url: ftp://a/b', 'error INVALID_VALUE spec.url'],
    ['url: a, sha256: abc', 'error INVALID_VALUE spec.sha256'],
    ['url: a, vmConfig: {env: [{name: A}, {name: A}]}', 'error DUPLICATE_NAME spec.vmConfig.env[1].name'],
    ['url: a, vmConfig: {env: [{name: A, value: b, valueFrom: HOST}]}', 'error INVALID_VALUE spec.vmConfig.env[0]'],
  ],
  WorkloadEntry: [
    ['{}', 'error INVALID_VALUE spec'],
    ['network: n', 'warning MISSING_FIELD spec.address'],
    ['address: unix://relative', 'error INVALID_VALUE spec.address'],
    ['address: unix:///a, ports: {a: 1}', 'error INVALID_VALUE spec'],
    ['address: 1.1.1.1, ports: {"-": 1}', 'error INVALID_VALUE spec.ports'],
  ],
  WorkloadGroup: [
    ['template: {}', 'valid'],
    ['template: {}, probe: {}', 'error MISSING_FIELD spec.probe'],
    ['template: {}, metadata: {labels: {".": "~"}}', 'error INVALID_LABEL spec.metadata.labels'],
    ['template: {}, probe: {httpGet: {port: 1, scheme: FTP}}', 'error UNKNOWN_VALUE spec.probe.httpGet.scheme'],
  ],
};

function problemsOf(kind: string, spec: string, annotations = ''): string[] {
  const text = `apiVersion: ${versions[kind]}\nkind: ${kind}\nmetadata: {name: a, annotations: {${annotations}}}\nspec: {${spec.replace(/^\{\}$/, '')}}\n`;
  return readManifest(text, 'a.yaml').problems.map(({ level, code, field }) => `${level} ${code} ${field ?? ''}`);
}

describe.each(Object.entries(rows))('%s', (kind, cases) => {
  test.each(cases)('{%s}: %s', (spec, expected) => {
    const problems = problemsOf(kind, spec);
    if (expected === 'valid') expect(problems).toEqual([]);
    else expect(problems).toContain(expected);
    expect(problems.some((problem) => problem.startsWith('error'))).toBe(expected.startsWith('error'));
  });
});

describe('annotations', () => {
  const dryRun = 'metadata.annotations["istio.io/dry-run"]';
  test.each([
    ['AuthorizationPolicy', '', '"istio.io/dry-run": "true"', []],
    ['AuthorizationPolicy', '', '"istio.io/dry-run": maybe', [`error INVALID_VALUE ${dryRun}`]],
    ['AuthorizationPolicy', 'action: AUDIT', '"istio.io/dry-run": "true"', [`error UNSUPPORTED ${dryRun}`]],
    ['PeerAuthentication', '', '"istio.io/dry-run": "true"', [`error UNSUPPORTED ${dryRun}`]],
    [
      'Gateway',
      'servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ["~/a.com"]}]',
      '"internal.istio.io/gateway-semantics": gateway',
      [],
    ],
  ])('%s {%s} with %s', (kind, spec, annotations, expected) => expect(problemsOf(kind, spec, annotations)).toEqual(expected));
});
