// `proxy-config cluster`: what a proxy may send to. Pure.
import { at, type ConfigDump, sourceOf, textOf } from '../config-dump.ts';
import { compareRows, type Filters, type Selection } from './section.ts';

interface ClusterName {
  direction: string;
  port: string;
  subset: string;
  fqdn: string;
}

/** Istio's `direction|port|subset|host`, also in SNI's form `direction_.port_.subset_.host`; any other name stands for itself. */
function clusterName(name: string): ClusterName {
  const [direction = '', port = '', subset = '', ...host] = name.includes('_.') ? name.split('_.') : name.split('|');
  if (host.length === 0) return { direction: '-', port: '-', subset: '-', fqdn: name };
  return { direction, port, subset: subset || '-', fqdn: host.join('|') };
}

export function clusters(dump: ConfigDump, filters: Filters): Selection {
  const found = dump
    .resources('cluster')
    .map(({ name, config }) => ({ config, ...clusterName(name) }))
    .filter(
      ({ fqdn, port, subset, direction }) =>
        (filters.fqdn === undefined || fqdn.includes(filters.fqdn)) &&
        (filters.port === undefined || port === filters.port) &&
        (filters.subset === undefined || subset === filters.subset) &&
        (filters.direction === undefined || direction === filters.direction),
    )
    .map((cluster) => ({ ...cluster, row: [cluster.fqdn, cluster.port, cluster.subset, cluster.direction, typeOf(cluster.config)] }))
    .sort((a, b) => compareRows(a.row, b.row));
  return {
    configs: found.map(({ config }) => config),
    titles: ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'],
    rows: found.map(({ row, config }) => [...row, sourceOf(config)]),
  };
}

/** Protobuf's JSON leaves the first value of an enumeration out. */
function typeOf(config: ConfigDump['raw']): string {
  return textOf(config['type']) || textOf(at(config, 'cluster_type', 'name')) || 'STATIC';
}
