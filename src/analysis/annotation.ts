// Istio's annotations: which resources they belong on, and how settled they are.

export interface Annotation {
  /** `Any`, or kinds. */
  on: readonly string[];
  status: 'Alpha' | 'Beta' | 'Stable';
  deprecated?: true;
  /** What a sound value is. */
  value?: (value: string) => string | undefined;
}

type Row = readonly [names: readonly string[], annotation: Annotation];

const pod = ['Pod'];
const alpha: Annotation = { on: pod, status: 'Alpha' };
const beta: Annotation = { on: pod, status: 'Beta' };
const check = (fits: (value: string) => boolean, what: string) => (value: string) => (fits(value) ? undefined : `"${value}" is ${what}`);
const each = (fits: (item: string) => boolean) => (value: string) => value === '' || value.split(',').every((item) => fits(item.trim()));

const isCount = (value: string) => /^\d{1,10}$/.test(value) && Number(value) <= 4_294_967_295;
const isPort = (value: string) => /^\d{1,5}$/.test(value) && Number(value) <= 65_535;
const isRange = (value: string) => /^[\da-fA-F.:]+\/\d{1,3}$/.test(value);
const ports = (wildcard: boolean) => check((value) => (wildcard && value === '*') || each(isPort)(value), 'no list of ports');
const ranges = (wildcard: boolean) => check((value) => (wildcard && value === '*') || each(isRange)(value), 'no list of CIDR ranges');
const count = check(isCount, 'no count');

const rows: readonly Row[] = [
  [['galley.istio.io/analyze-suppress'], { on: ['Any'], status: 'Alpha' }],
  [['install.operator.istio.io/chart-owner', 'install.operator.istio.io/owner-generation'], { on: ['Any'], status: 'Alpha' }],
  [['install.operator.istio.io/version'], { on: ['Any'], status: 'Alpha' }],
  [['kubernetes.io/ingress.class'], { on: ['Ingress'], status: 'Stable' }],
  [['istio.io/rev'], { on: pod, status: 'Beta' }],
  [['istio.io/dry-run'], { on: ['AuthorizationPolicy'], status: 'Alpha' }],
  [['networking.istio.io/exportTo', 'networking.istio.io/traffic-distribution'], { on: ['Service', 'ServiceEntry'], status: 'Alpha' }],
  [['networking.istio.io/service-type', 'networking.istio.io/address-type'], { on: ['Gateway'], status: 'Alpha' }],
  [['gateway.istio.io/controller-version'], { on: ['Any'], status: 'Beta' }],
  [['gateway.istio.io/name-override', 'gateway.istio.io/service-account'], { on: ['Gateway'], status: 'Alpha' }],
  [['traffic.istio.io/nodeSelector', 'topology.istio.io/controlPlaneClusters'], { on: ['Service', 'Namespace'], status: 'Alpha' }],
  [
    ['alpha.istio.io/kubernetes-serviceaccounts', 'alpha.istio.io/canonical-serviceaccounts'],
    { on: ['Service'], status: 'Alpha', deprecated: true },
  ],
  [['alpha.istio.io/identity'], { ...alpha, deprecated: true }],
  [
    ['istio.io/autoRegistrationGroup', 'istio.io/workloadController', 'istio.io/connectedAt', 'istio.io/disconnectedAt'],
    { on: ['WorkloadEntry'], status: 'Alpha' },
  ],
  [['ambient.istio.io/redirection'], beta],
  [['ambient.istio.io/bypass-inbound-capture', 'ambient.istio.io/dns-capture', 'ambient.istio.io/wait'], alpha],
  [['inject.istio.io/templates', 'istio.io/reroute-virtual-interfaces', 'proxy.istio.io/overrides'], alpha],
  [
    ['prometheus.istio.io/merge-metrics'],
    { ...alpha, value: check((value) => /^(true|false|0|1|t|f)$/i.test(value), 'neither true nor false') },
  ],
  [['proxy.istio.io/config'], beta],
  [['sidecar.istio.io/inject'], { ...beta, deprecated: true }],
  [
    ['sidecar.istio.io/interceptionMode'],
    { ...alpha, value: check((value) => ['REDIRECT', 'TPROXY', 'NONE'].includes(value), 'no way of interception') },
  ],
  [
    [
      ...['agentLogLevel', 'bootstrapOverride', 'componentLogLevel', 'enableCoreDump', 'extraStatTags', 'logLevel', 'nativeSidecar'],
      ...['proxyCPU', 'proxyCPULimit', 'proxyImage', 'proxyImageType', 'proxyMemory', 'proxyMemoryLimit', 'rewriteAppHTTPProbers'],
      ...['statsCompression', 'statsHistogramBuckets', 'status', 'userVolume', 'userVolumeMount'],
    ].map((name) => `sidecar.istio.io/${name}`),
    alpha,
  ],
  [
    ['controlPlaneAuthPolicy', 'discoveryAddress', 'statsInclusionPrefixes', 'statsInclusionRegexps', 'statsInclusionSuffixes'].map(
      (name) => `sidecar.istio.io/${name}`,
    ),
    { ...alpha, deprecated: true },
  ],
  [['status.sidecar.istio.io/port'], { ...alpha, value: check(isPort, 'no port') }],
  [
    ['initialDelaySeconds', 'periodSeconds', 'failureThreshold'].map((name) => `readiness.status.sidecar.istio.io/${name}`),
    { ...alpha, value: count },
  ],
  [['readiness.status.sidecar.istio.io/applicationPorts'], alpha],
  [['traffic.sidecar.istio.io/includeOutboundIPRanges'], { ...alpha, value: ranges(true) }],
  [['traffic.sidecar.istio.io/excludeOutboundIPRanges'], { ...alpha, value: ranges(false) }],
  [['traffic.sidecar.istio.io/includeInboundPorts'], { ...alpha, value: ports(true) }],
  [
    ['excludeInboundPorts', 'excludeOutboundPorts', 'includeOutboundPorts'].map((name) => `traffic.sidecar.istio.io/${name}`),
    { ...alpha, value: ports(false) },
  ],
  [['traffic.sidecar.istio.io/excludeInterfaces', 'traffic.sidecar.istio.io/kubevirtInterfaces'], alpha],
];

const byName = new Map(rows.flatMap(([names, annotation]) => names.map((name) => [name, annotation] as const)));

export const annotationNamed = (name: string): Annotation | undefined => byName.get(name);
export const annotationNames = (): Iterable<string> => byName.keys();

/** Whether Istio is meant: by its domain, or by the one annotation of Kubernetes that it reads. */
export function isIstioAnnotation(name: string): boolean {
  return name === 'kubernetes.io/ingress.class' || (name.split('/')[0] ?? '').endsWith('istio.io');
}
