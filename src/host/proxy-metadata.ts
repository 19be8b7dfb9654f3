// What a pod's annotation `proxy.istio.io/config` adds to what its proxy says of itself: Istio's ProxyConfig, its `proxyMetadata`. Pure.
import { isPlainObject } from '#api/json';
import type { Pod } from '#api/kinds/pod';
import { parseYaml } from '#codec/yaml/documents';

const annotation = 'proxy.istio.io/config';
/** Istio's agent makes metadata of the environment's variables of this prefix. */
const metadataPrefix = 'ISTIO_META_';

/** Without the prefix: `DNS_CAPTURE`. What is not readable adds nothing. */
export function proxyMetadataOf(pod: Pod): Readonly<Record<string, string>> {
  const config = parseYaml(pod.metadata.annotations?.[annotation] ?? '')[0]?.value;
  const metadata = isPlainObject(config) && isPlainObject(config['proxyMetadata']) ? config['proxyMetadata'] : {};
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([name, value]) =>
      name.startsWith(metadataPrefix) ? [[name.slice(metadataPrefix.length), String(value)]] : [],
    ),
  );
}
