// Istio's MeshConfig and MeshNetworks as far as analyzers read them: from a file, or from the ConfigMap `istio`.
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import type { ConfigMap } from '#api/kinds/config-map';
import { parseYaml } from '#codec/yaml/documents';

export interface MeshConfig {
  rootNamespace: string;
  /** Environment of the proxies. */
  proxyMetadata: Readonly<Record<string, unknown>>;
  defaultAccessLogging: readonly unknown[];
  /** Extension providers by name, with the kind of each: `lightstep`. */
  providers: readonly { name: string; kind: string }[];
}

/** Of a YAML text; what it lacks has Istio's defaults. */
export function parseMeshConfig(text: string): MeshConfig {
  const config = firstObject(text);
  const { proxyMetadata } = part(config, 'defaultConfig');
  const { accessLogging } = part(config, 'defaultProviders');
  const providers = Array.isArray(config['extensionProviders']) ? config['extensionProviders'].filter(isPlainObject) : [];
  return {
    rootNamespace: typeof config['rootNamespace'] === 'string' ? config['rootNamespace'] : 'istio-system',
    proxyMetadata: isPlainObject(proxyMetadata) ? proxyMetadata : {},
    defaultAccessLogging: Array.isArray(accessLogging) ? accessLogging : [],
    providers: providers.map((provider) => ({
      name: String(provider['name']),
      kind: Object.keys(provider).find((key) => key !== 'name') ?? '',
    })),
  };
}

/** Of the ConfigMap that an installed Istio has. */
export function meshConfigOf(configMap: ApiObject | undefined): MeshConfig {
  return parseMeshConfig((configMap as ConfigMap | undefined)?.data?.['mesh'] ?? '');
}

/** Networks by name, with the registries that their endpoints come from. */
export function meshNetworksOf(configMap: ConfigMap): { network: string; registries: string[] }[] {
  const networks = part(firstObject(configMap.data?.['meshNetworks'] ?? ''), 'networks');
  return Object.entries(networks).map(([network, value]) => {
    const { endpoints } = isPlainObject(value) ? value : {};
    const list = Array.isArray(endpoints) ? endpoints.filter(isPlainObject) : [];
    return { network, registries: list.flatMap(({ fromRegistry }) => (typeof fromRegistry === 'string' ? [fromRegistry] : [])) };
  });
}

function firstObject(text: string): Record<string, unknown> {
  const value = parseYaml(text)[0]?.value;
  return isPlainObject(value) ? value : {};
}

function part(value: Record<string, unknown>, name: string): Record<string, unknown> {
  return isPlainObject(value[name]) ? value[name] : {};
}
