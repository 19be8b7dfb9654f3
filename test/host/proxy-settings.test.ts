// What ProxyConfig says of a pod's proxy, from all the places where it may stand.
import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/pod';
import type { ProxyConfig } from '#api/kinds/proxy-config';
import { proxySettings } from '#host/proxy-settings';
import { objectsOf } from '../control/fixture.ts';

const resource = (name: string, spec: string, namespace = 'default', created = '') =>
  `{apiVersion: networking.istio.io/v1beta1, kind: ProxyConfig, metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}"}, spec: ${spec}}`;
const variables = (value: string) => `{environmentVariables: {ISTIO_META_FROM: ${value}, ISTIO_META_${value.toUpperCase()}: "1"}}`;
const selecting = (value: string) => variables(value).replace('{', '{selector: {matchLabels: {app: a}}, ');

interface Row {
  name: string;
  meshConfigs?: string[];
  resources?: string[];
  annotation?: string;
  metadata: Record<string, unknown>;
  settings?: object;
}

const rows: Row[] = [
  {
    name: 'nothing is said',
    metadata: {},
    settings: { terminationDrainMs: 2000, holdsApplication: false, drainMs: undefined, concurrency: 1 },
  },
  {
    name: 'the mesh: the ConfigMap over the file',
    meshConfigs: [
      'defaultConfig: {drainDuration: 1m, meshId: m, holdApplicationUntilProxyStarts: true, proxyMetadata: {ISTIO_META_A: a, ISTIO_META_B: b, OTHER: c}}',
      'defaultConfig: {terminationDrainDuration: 9s, proxyMetadata: {ISTIO_META_A: z}}',
    ],
    metadata: { MESH_ID: 'm', A: 'z', B: 'b' },
    settings: { drainMs: 60_000, terminationDrainMs: 9000, holdsApplication: true },
  },
  {
    name: 'resources: the root namespace, the own, the annotation, those that select the pod',
    resources: [
      resource('root', variables('root'), 'istio-system'),
      resource('own', variables('own')),
      resource('selecting', selecting('selecting')),
      resource('other', variables('other'), 'elsewhere'),
    ],
    annotation: 'proxyMetadata: {ISTIO_META_FROM: annotation, ISTIO_META_ANNOTATION: "1"}',
    metadata: { FROM: 'selecting', ROOT: '1', OWN: '1', ANNOTATION: '1', SELECTING: '1' },
  },
  {
    name: 'the annotation over the own namespace',
    resources: [resource('own', variables('own'))],
    annotation: 'proxyMetadata: {ISTIO_META_FROM: annotation}',
    metadata: { FROM: 'annotation', OWN: '1' },
  },
  {
    name: 'of several, the oldest',
    resources: [resource('a', variables('young'), 'default', '2026-02-02'), resource('b', variables('old'), 'default', '2026-01-01')],
    metadata: { FROM: 'old', OLD: '1', YOUNG: '1' },
  },
  { name: 'so many processes', annotation: 'concurrency: 3', metadata: {}, settings: { concurrency: 3 } },
  { name: 'one process for each processor', meshConfigs: ['defaultConfig: {concurrency: 0}'], metadata: {}, settings: { concurrency: 6 } },
  { name: 'an annotation that is none', annotation: '[', metadata: {} },
];

test.each(rows)('$name', ({ meshConfigs = [], resources = [], annotation, metadata, settings = {} }) => {
  const annotations = annotation === undefined ? {} : { annotations: { 'proxy.istio.io/config': annotation } };
  const pod = { metadata: { name: 'p', namespace: 'default', labels: { app: 'a' }, ...annotations }, spec: {} } as unknown as Pod;
  const proxyConfigs = objectsOf(resources.join('\n---\n')) as ProxyConfig[];
  const made = proxySettings(pod, { meshConfigs, proxyConfigs, rootNamespace: 'istio-system', concurrency: 1, processors: 6 });
  const { PROXY_CONFIG: own, ...rest } = made.metadata as { PROXY_CONFIG?: { proxyMetadata: object } };
  expect(rest).toEqual(metadata);
  expect(made).toMatchObject(settings);
  // The mesh's own default is not repeated: the control plane has it, as it is at the moment.
  expect(own === undefined).toBe(resources.length === 0 && (annotation === undefined || annotation === '['));
});
