// `proxy-config route`: where requests go, a row for each route of each virtual host. Pure.
import { type ConfigDump, listOf, sourceOf, textOf } from '../config-dump.ts';
import { describeDomains, describeMatch, domainsOf } from './route-description.ts';
import { compareRows, type Filters, type Selection } from './section.ts';

export function routes(dump: ConfigDump, { name }: Filters): Selection {
  const found = dump.resources('route').filter((route) => name === undefined || route.name === name);
  const rows = found.flatMap(({ name: table, config }) => {
    const hosts = listOf(config['virtual_hosts']).map((host) => ({
      host,
      row: [table, textOf(host['name']), describeDomains(domainsOf(host))],
    }));
    hosts.sort((a, b) => compareRows(a.row, b.row));
    return hosts.flatMap(({ host, row }) => {
      const ways = listOf(host['routes']);
      // Without a route it answers that nothing is there.
      if (ways.length === 0) return [[...row, '/*', '404']];
      return ways.map((way) => [...row, describeMatch(way['match']), sourceOf(way)]);
    });
  });
  return {
    configs: found.map(({ config }) => config),
    titles: ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE'],
    rows,
  };
}
