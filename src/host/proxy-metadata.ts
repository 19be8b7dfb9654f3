// What a pod's annotation `proxy.istio.io/config` says of its proxy: of Istio's ProxyConfig, `proxyMetadata` and `concurrency`. Pure.
import { isPlainObject } from '#api/json';
import type { Pod } from '#api/kinds/pod';
import { parseYaml } from '#codec/yaml/documents';

const annotation = 'proxy.istio.io/config';
/** Istio's agent makes metadata of the environment's variables of this prefix. */
const metadataPrefix = 'ISTIO_META_';
/** A process each. */
const concurrencyMax = 64;

/** Without the prefix: `DNS_CAPTURE`. What is not readable adds nothing. */
export function proxyMetadataOf(pod: Pod): Readonly<Record<string, string>> {
  const config = configOf(pod);
  const metadata = isPlainObject(config['proxyMetadata']) ? config['proxyMetadata'] : {};
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([name, value]) =>
      name.startsWith(metadataPrefix) ? [[name.slice(metadataPrefix.length), String(value)]] : [],
    ),
  );
}

/** How many processes serve with a proxy's ports; as in Istio, 0 stands for all of the machine's processors. */
export function concurrencyOf(pod: Pod, otherwise: number, processors: number): number {
  const said = configOf(pod)['concurrency'];
  const wanted = typeof said === 'number' && Number.isInteger(said) && said >= 0 ? said : otherwise;
  return Math.min(wanted === 0 ? processors : wanted, concurrencyMax);
}

function configOf(pod: Pod): Readonly<Record<string, unknown>> {
  const config = parseYaml(pod.metadata.annotations?.[annotation] ?? '')[0]?.value;
  return isPlainObject(config) ? config : {};
}
