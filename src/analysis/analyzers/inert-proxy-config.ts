// Fields of MeshConfig's `defaultConfig` that are read over on purpose, each with its reason.
import { isPlainObject } from '#api/json';
import type { ConfigMap } from '#api/kinds/config-map';
import { parseYaml } from '#codec/yaml/documents';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import type { Resources } from '../resources.ts';

const noAgent = 'there is no agent beside the proxy';
const noEnvoy = 'proxies are not started from an Envoy bootstrap';
const allStats = 'a proxy prints every statistic that it has';

/** Installers set many others, such as `discoveryAddress`, which nobody would look for. */
const reasons: Readonly<Record<string, string>> = {
  proxyStatsMatcher: allStats,
  statsCompression: allStats,
  extraStatTags: 'the standard metrics are counted as they are',
  statNameLength: allStats,
  statsdUdpAddress: 'statistics are scraped from /stats',
  envoyMetricsService: 'statistics are scraped from /stats',
  envoyAccessLogService: 'name it among extensionProviders',
  runtimeValues: noEnvoy,
  customConfigFile: noEnvoy,
  proxyBootstrapTemplatePath: noEnvoy,
  binaryPath: noEnvoy,
  statusPort: noAgent,
  readinessProbe: noAgent,
  privateKeyProvider: noAgent,
  caCertificatesPem: noAgent,
  proxyAdminPort: 'the admin interface is at port 15000',
  interceptionMode: 'lateen up --capture decides',
  image: 'proxies are not installed from images',
};

const headerReasons: Readonly<Record<string, string>> = {
  preserveHttp1HeaderCase: 'HTTP/1 headers keep their case anyway',
};

function* check(object: ConfigMap, resources: Resources): Iterable<Finding> {
  const { name, namespace } = object.metadata;
  if (name !== 'istio' || namespace !== resources.meshConfig.rootNamespace) return;
  const config = parseYaml(object.data?.['mesh'] ?? '')[0]?.value;
  const fields = isPlainObject(config) && isPlainObject(config['defaultConfig']) ? config['defaultConfig'] : {};
  const headers = isPlainObject(fields['proxyHeaders']) ? fields['proxyHeaders'] : {};
  yield* inert(object, fields, reasons, 'defaultConfig');
  yield* inert(object, headers, headerReasons, 'defaultConfig.proxyHeaders');
}

function* inert(object: ConfigMap, fields: object, known: Readonly<Record<string, string>>, place: string): Iterable<Finding> {
  for (const field of Object.keys(fields)) {
    if (Object.hasOwn(known, field)) yield finding('LTN0003', object, 'data.mesh', `${place}.${field} is not in effect: ${known[field]}`);
  }
}

export const inertProxyConfig = analyzer('lateen.InertProxyConfigAnalyzer', ['/ConfigMap'], check);
