// What Istio's ProxyConfig does to a pod's proxy on this machine, and what of it the control plane is told. It holds from the pod's start on,
// as it does in a cluster, where injection writes it down. Pure.
import { isPlainObject } from '#api/json';
import type { Pod } from '#api/kinds/pod';
import type { ProxyConfig } from '#api/kinds/proxy-config';
import { mergeProxyConfigs, type ProxyConfigFields, proxyConfigOf } from '#api/proxy-config';
import { parseYaml } from '#codec/yaml/documents';
import { durationMs } from '#foundation/duration';

export interface ProxySettings {
  /** Of the proxy's node: Istio's agent makes it of the environment, of the variables that begin with `ISTIO_META_`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** How long connections are asked to leave before a graceful drain closes what listens; undefined: the proxy's own. */
  readonly drainMs: number | undefined;
  /** How long connections may go on when the pod ends. */
  readonly terminationDrainMs: number;
  /** How many processes serve with its ports. */
  readonly concurrency: number;
  /** The pod's programs wait for it. */
  readonly holdsApplication: boolean;
}

/** What holds of all proxies: texts of MeshConfigs, later ones over earlier ones, and the ProxyConfig resources there are. */
export interface ProxySettingsSources {
  readonly meshConfigs: readonly string[];
  readonly proxyConfigs: Iterable<ProxyConfig>;
  readonly rootNamespace: string;
  /** Where nobody says; as in Istio, 0 stands for all `processors`. */
  readonly concurrency: number;
  readonly processors: number;
}

const metadataPrefix = 'ISTIO_META_';
/** Shorter than Istio's five seconds: whoever waits for a pod's end on one machine is a person. */
const terminationDrainMsDefault = 2_000;
const concurrencyMax = 64;

export function proxySettings(pod: Pod, sources: ProxySettingsSources): ProxySettings {
  const { meshConfigs, proxyConfigs, rootNamespace } = sources;
  const own = proxyConfigOf(pod.metadata, proxyConfigs, rootNamespace);
  const all = mergeProxyConfigs(...meshConfigs.map(defaultConfigOf), own);
  const { proxyMetadata, meshId, drainDuration, terminationDrainDuration, holdApplicationUntilProxyStarts } = all;
  return {
    metadata: {
      ...(typeof meshId === 'string' && { MESH_ID: meshId }),
      ...variablesOf(proxyMetadata),
      // The mesh's default is the control plane's to lay below: it may change while the pod runs.
      ...(Object.keys(own).length > 0 && { PROXY_CONFIG: own }),
    },
    drainMs: millisecondsOf(drainDuration),
    terminationDrainMs: millisecondsOf(terminationDrainDuration) ?? terminationDrainMsDefault,
    concurrency: concurrencyOf(all['concurrency'], sources),
    holdsApplication: holdApplicationUntilProxyStarts === true,
  };
}

function concurrencyOf(said: unknown, { concurrency, processors }: ProxySettingsSources): number {
  const wanted = typeof said === 'number' && Number.isInteger(said) && said >= 0 ? said : concurrency;
  return Math.min(wanted === 0 ? processors : wanted, concurrencyMax);
}

function defaultConfigOf(meshConfig: string): ProxyConfigFields {
  const config = parseYaml(meshConfig)[0]?.value;
  return isPlainObject(config) && isPlainObject(config['defaultConfig']) ? config['defaultConfig'] : {};
}

/** Without the prefix: `DNS_CAPTURE`. */
function variablesOf(proxyMetadata: unknown): Record<string, string> {
  const entries = Object.entries(isPlainObject(proxyMetadata) ? proxyMetadata : {});
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (name.startsWith(metadataPrefix) ? [[name.slice(metadataPrefix.length), String(value)]] : [])),
  );
}

function millisecondsOf(duration: unknown): number | undefined {
  return typeof duration === 'string' ? durationMs(duration) : undefined;
}
