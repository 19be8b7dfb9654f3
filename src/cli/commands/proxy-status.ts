// `lateen proxy-status`: whether each proxy has what the control plane wants it to have; for one proxy, where the two differ.
import { type Command, Option } from 'commander';
import { MeshError } from '#foundation/mesh-error';
import { below } from '#net/http-access';
import { getJson } from '../http-json.ts';
import { asJson, columns } from '../output.ts';
import type { Session } from '../session.ts';

type SyncState = 'SYNCED' | 'STALE' | 'NOT SENT' | 'ERROR';

/** One element of `/debug/syncz`. */
interface ProxySync {
  /** `pod.namespace` */
  proxy: string;
  clusterId: string;
  controlPlane: string;
  version: string;
  cds: SyncState;
  lds: SyncState;
  eds: SyncState;
  rds: SyncState;
  ecds: SyncState;
  /** Why it refused what it was sent last, by type. */
  errors?: Record<string, string>;
}

interface StatusOptions {
  output?: 'yaml' | 'json';
  file?: string;
  namespace: string;
}

export function addProxyStatus(program: Command, session: Session): void {
  program
    .command('proxy-status')
    .alias('ps')
    .summary('show whether the proxies are in step')
    .description(
      'Shows each connected proxy and whether it has acknowledged the latest configuration:\n' +
        'SYNCED (it has), STALE (sent, not acknowledged yet), NOT SENT (nothing to send), ERROR (it refused, for the reason below).\n' +
        'For one proxy: what the control plane would send now, laid beside what the proxy has.',
    )
    .argument('[proxy]', 'POD[.NAMESPACE], or the beginning of it; all when left out')
    .option('-f, --file <dump>', 'compare with this config dump (- for standard input) instead of the proxy’s own')
    .option('-n, --namespace <name>', 'of the pod', 'default')
    .addOption(new Option('-o, --output <format>', 'how to show them').choices(['yaml', 'json']))
    .addHelpText(
      'after',
      `
Examples:
  $ lateen proxy-status
  $ lateen proxy-status productpage-v1
  $ lateen ps productpage-v1 --file dump.json`,
    )
    .action(async (word: string | undefined, options: StatusOptions) => {
      const proxies = await connected(session, word);
      const [only] = proxies;
      if (word === undefined || only === undefined || proxies.length > 1) {
        if (options.file !== undefined) throw new MeshError('USAGE', 'which proxy is the dump of?', { hint: 'lateen ps POD --file DUMP' });
        return showAll(session, proxies, options);
      }
      await showOne(session, only, options);
    });
}

/** Throws MeshError UNAVAILABLE, or NOT_FOUND where no proxy has the name. */
async function connected(session: Session, word: string | undefined): Promise<ProxySync[]> {
  const url = `${session.options().debugUrl}/debug/syncz`;
  const answer = await getJson(url, 'the control plane');
  if (!Array.isArray(answer)) throw new MeshError('UNAVAILABLE', `${url} gave no list of proxies: is it a control plane?`);
  const proxies = answer as ProxySync[];
  if (word === undefined) return proxies;
  const exact = proxies.filter(({ proxy }) => proxy === word);
  const found = exact.length > 0 ? exact : proxies.filter(({ proxy }) => proxy.startsWith(word));
  if (found.length > 0) return found;
  throw new MeshError('NOT_FOUND', `no proxy "${word}" is connected`, { hint: 'list them: lateen proxy-status' });
}

async function showAll({ context }: Session, proxies: readonly ProxySync[], { output }: StatusOptions): Promise<void> {
  const { asYaml } = await import('../yaml-output.ts');
  if (output === 'json') context.stdout(asJson(proxies));
  else if (output === 'yaml') context.stdout(asYaml(proxies));
  else if (proxies.length === 0) context.stderr('No proxies are connected.\n');
  else context.stdout(table(proxies) + proxies.map(refusals).join(''));
}

function table(proxies: readonly ProxySync[]): string {
  const rows = proxies.map(({ proxy, clusterId, cds, lds, eds, rds, ecds, controlPlane, version }) => [
    proxy,
    clusterId,
    ...[cds, lds, eds, rds, ecds],
    controlPlane,
    version,
  ]);
  return columns(['NAME', 'CLUSTER', 'CDS', 'LDS', 'EDS', 'RDS', 'ECDS', 'CONTROL PLANE', 'VERSION'], rows);
}

/** `reviews-v1-x.default refused its RouteConfiguration: …` */
function refusals({ proxy, errors = {} }: ProxySync): string {
  return Object.entries(errors)
    .map(([type, reason]) => `\n${proxy} refused its ${type.slice(type.lastIndexOf('.') + 1)}: ${reason}\n`)
    .join('');
}

async function showOne(session: Session, sync: ProxySync, options: StatusOptions): Promise<void> {
  const { adminOf, podArgument } = await import('../pod-argument.ts');
  const { readConfigDump } = await import('../config-dump.ts');
  const { compareDumps, formatComparison } = await import('../proxy-comparison.ts');
  const { readDumpFile } = await import('../proxy-config/run.ts');
  const { context } = session;
  const controlPlane = `${session.options().debugUrl}/debug/config_dump?proxyID=${encodeURIComponent(sync.proxy)}`;
  const intended = readConfigDump(await getJson(controlPlane, 'the control plane'), 'the control plane’s answer');
  const ownDump = async () => {
    const admin = adminOf(await podArgument(session, sync.proxy, options.namespace), await session.api());
    return readConfigDump(await getJson(below(admin, '/config_dump?include_eds'), `the proxy of ${sync.proxy}`), 'the proxy’s answer');
  };
  const comparison = compareDumps(intended, options.file === undefined ? await ownDump() : await readDumpFile(session, options.file));
  if (options.output === undefined) return context.stdout(formatComparison(comparison) + refusals(sync));
  const { asYaml } = await import('../yaml-output.ts');
  const shown = { ...sync, comparison };
  context.stdout(options.output === 'json' ? asJson(shown) : asYaml(shown));
}
