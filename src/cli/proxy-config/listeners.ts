// `proxy-config listener`: where a proxy listens, a row for each filter chain, with what it takes and where that goes. Pure.
import { addressOf, at, type ConfigDump, type Json, listOf, textOf } from '../config-dump.ts';
import { describeCluster, describeInlineRoutes } from './route-description.ts';
import { compareRows, type Filters, type Selection } from './section.ts';

const httpManager = 'envoy.filters.network.http_connection_manager';
const tcpProxy = 'envoy.filters.network.tcp_proxy';

export function listeners(dump: ConfigDump, { address, port, type }: Filters): Selection {
  const found = dump
    .resources('listener')
    .map(({ config }) => ({ config, place: addressOf(config['address']) }))
    .filter(
      ({ config, place }) =>
        (address === undefined || place.address.toLowerCase() === address.toLowerCase()) &&
        (port === undefined || place.port === port) &&
        (type === undefined || typeOf(config) === type.toUpperCase()),
    )
    .sort((a, b) => compareRows([a.place.address, a.place.port], [b.place.address, b.place.port]));
  return {
    configs: found.map(({ config }) => config),
    titles: ['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'],
    rows: found.flatMap(({ config, place }) =>
      chainsOf(config).map((chain) => [place.address, place.port, describeChainMatch(chain['filter_chain_match']), destinationOf(chain)]),
    ),
  };
}

function chainsOf(config: Json): Json[] {
  const last = config['default_filter_chain'];
  return [...listOf(config['filter_chains']), ...listOf([last])];
}

/** As istioctl has it: HTTP, TCP, HTTP+TCP, or UNKNOWN. */
function typeOf(config: Json): string {
  const filters = chainsOf(config).flatMap((chain) => listOf(chain['filters']).map((filter) => textOf(filter['name'])));
  const kinds = [...(filters.includes(httpManager) ? ['HTTP'] : []), ...(filters.includes(tcpProxy) ? ['TCP'] : [])];
  return kinds.join('+') || 'UNKNOWN';
}

function describeChainMatch(match: unknown): string {
  const words = (key: string) => [at(match, key)].flat().map(textOf).filter(Boolean).join(',');
  const ranges = listOf(at(match, 'prefix_ranges')).map((range) => {
    const length = Number(at(range, 'prefix_len') ?? 0);
    const address = textOf(range['address_prefix']);
    return length === (address.includes(':') ? 128 : 32) ? address : `${address}/${length}`;
  });
  const port = textOf(at(match, 'destination_port'));
  const parts = [
    ['SNI', words('server_names')],
    ['Trans', words('transport_protocol')],
    ['App', words('application_protocols')],
    ['Addr', ranges.join(',') || (port && '*')],
  ] as const;
  const described = parts
    .filter(([, value]) => value !== '')
    .map(([title, value]) => `${title}: ${value}${title === 'Addr' && port ? `:${port}` : ''}`);
  return described.join('; ') || 'ALL';
}

function destinationOf(chain: Json): string {
  for (const filter of listOf(chain['filters'])) {
    const config = filter['typed_config'];
    if (filter['name'] === httpManager) {
      const route = textOf(at(config, 'rds', 'route_config_name'));
      return route ? `Route: ${route}` : describeInlineRoutes(at(config, 'route_config'));
    }
    if (filter['name'] === tcpProxy) {
      const weighted = listOf(at(config, 'weighted_clusters', 'clusters')).map(
        (each) => `${textOf(each['name'])} (${textOf(each['weight'])})`,
      );
      return weighted.length > 0 ? `Clusters: ${weighted.join(', ')}` : describeCluster(textOf(at(config, 'cluster')));
    }
  }
  return 'Non-HTTP/Non-TCP';
}
