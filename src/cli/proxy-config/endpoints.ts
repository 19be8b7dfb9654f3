// `proxy-config endpoint`: the addresses behind each cluster and how they are, of `/clusters?format=json`, which knows what
// the proxy found out about them, or of a config dump, which knows what it was told. Pure.
import { addressOf, at, type ConfigDump, type Json, listOf, textOf } from '../config-dump.ts';
import { compareRows, type Filters, type Selection } from './section.ts';

interface Endpoint {
  cluster: string;
  address: string;
  port: string;
  status: string;
  outlier: 'OK' | 'FAILED';
}

export function endpoints(dump: ConfigDump, filters: Filters): Selection {
  const wanted = (endpoint: Endpoint) =>
    (filters.address === undefined || endpoint.address === filters.address) &&
    (filters.port === undefined || endpoint.port === filters.port) &&
    (filters.cluster === undefined || endpoint.cluster === filters.cluster) &&
    (filters.status === undefined || endpoint.status === filters.status.toUpperCase());
  const clusters = (dump.clusterStatuses?.map(ofStatus) ?? dump.resources('endpoint').map(({ config }) => ofAssignment(config))).map(
    (each) => ({
      config: each.config,
      endpoints: each.endpoints.filter(wanted),
    }),
  );
  const rows = clusters
    .flatMap((cluster) => cluster.endpoints)
    .map(({ address, port, status, outlier, cluster }) => [port === '' ? address : `${address}:${port}`, status, outlier, cluster]);
  return {
    configs: clusters.filter((cluster) => cluster.endpoints.length > 0).map(({ config }) => config),
    titles: ['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'],
    rows: rows.sort(compareRows),
  };
}

interface ClusterEndpoints {
  config: Json;
  endpoints: Endpoint[];
}

/** `admin.v3.ClusterStatus` */
function ofStatus(config: Json): ClusterEndpoints {
  const endpoints = listOf(config['host_statuses']).map((host): Endpoint => {
    const health = host['health_status'];
    const failed = at(health, 'failed_active_health_check') === true;
    return {
      cluster: textOf(config['name']),
      ...addressOf(host['address']),
      status: failed ? 'UNHEALTHY' : healthOf(at(health, 'eds_health_status')),
      outlier: at(health, 'failed_outlier_check') === true ? 'FAILED' : 'OK',
    };
  });
  return { config, endpoints };
}

/** `endpoint.v3.ClusterLoadAssignment` */
function ofAssignment(config: Json): ClusterEndpoints {
  const endpoints = listOf(config['endpoints']).flatMap((locality) =>
    listOf(locality['lb_endpoints']).map(
      (each): Endpoint => ({
        cluster: textOf(config['cluster_name']),
        ...addressOf(at(each, 'endpoint', 'address')),
        status: healthOf(each['health_status']),
        outlier: 'OK',
      }),
    ),
  );
  return { config, endpoints };
}

/** Envoy uses an endpoint whose health nobody has said. */
function healthOf(status: unknown): string {
  const said = textOf(status);
  return said === '' || said === 'UNKNOWN' ? 'HEALTHY' : said;
}
