// `lateen proxy-status`: whether each proxy has what the control plane wants it to have.
import { type Command, Option } from 'commander';
import { MeshError } from '#foundation/mesh-error';
import { getJson } from '../http-json.ts';
import { asJson, asYaml, columns } from '../output.ts';
import type { Session } from '../session.ts';

type SyncState = 'SYNCED' | 'STALE' | 'NOT SENT' | 'ERROR';

/** One element of `/debug/syncz`. */
interface ProxySync {
  proxy: string;
  type: string;
  clusterId: string;
  version: string;
  cds: SyncState;
  lds: SyncState;
  eds: SyncState;
  rds: SyncState;
}

export function addProxyStatus(program: Command, session: Session): void {
  program
    .command('proxy-status')
    .alias('ps')
    .summary('show whether the proxies are in step')
    .description(
      'Shows each connected proxy and whether it has acknowledged the latest configuration:\n' +
        'SYNCED (it has), STALE (sent, not acknowledged yet), NOT SENT (nothing to send), ERROR (it refused).',
    )
    .argument('[proxy]', 'pod.namespace, or the beginning of it; all when left out')
    .addOption(new Option('-o, --output <format>', 'how to show them').choices(['yaml', 'json']))
    .addHelpText('after', '\nExamples:\n  $ lateen proxy-status\n  $ lateen proxy-status productpage-v1 -o json')
    .action(async (proxy: string | undefined, options: { output?: 'yaml' | 'json' }) => {
      const { context } = session;
      const url = `${session.options().debugUrl}/debug/syncz`;
      const answer = await getJson(url, 'the control plane');
      if (!Array.isArray(answer)) throw new MeshError('UNAVAILABLE', `${url} gave no list of proxies: is it a control plane?`);
      const proxies = (answer as ProxySync[]).filter((each) => proxy === undefined || each.proxy.startsWith(proxy));
      if (proxy !== undefined && proxies.length === 0) {
        throw new MeshError('NOT_FOUND', `no proxy "${proxy}" is connected`, { hint: 'list them: lateen proxy-status' });
      }
      if (options.output === 'json') context.stdout(asJson(proxies));
      else if (options.output === 'yaml') context.stdout(asYaml(proxies));
      else if (proxies.length === 0) context.stderr('No proxies are connected.\n');
      else context.stdout(table(proxies));
    });
}

function table(proxies: readonly ProxySync[]): string {
  const rows = proxies.map(({ proxy, type, clusterId, cds, lds, eds, rds, version }) => [
    proxy,
    type,
    clusterId,
    cds,
    lds,
    eds,
    rds,
    version,
  ]);
  return columns(['NAME', 'TYPE', 'CLUSTER', 'CDS', 'LDS', 'EDS', 'RDS', 'VERSION'], rows);
}
