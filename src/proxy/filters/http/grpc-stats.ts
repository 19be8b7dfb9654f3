// Counts gRPC calls by service and method: Envoy's `grpc_stats` filter.
import { FilterConfig } from '#codec/protobuf/generated/envoy/extensions/filters/http/grpc_stats/v3/config';
import type { HttpFilterType } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';

interface GrpcStatsConfig {
  /** Whose calls are counted by name; the others are counted together. */
  named(service: string, method: string): boolean;
}

export const grpcStatsType: HttpFilterType<GrpcStatsConfig> = {
  message: 'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  decode(bytes) {
    const { perMethodStatSpecifier: which } = FilterConfig.decode(bytes);
    if (which?.$case === 'individualMethodStatsAllowlist') {
      const allowed = new Set(which.value.services.flatMap(({ name, methodNames }) => methodNames.map((method) => `${name}/${method}`)));
      return { named: (service, method) => allowed.has(`${service}/${method}`) };
    }
    const all = which?.value ?? false;
    return { named: () => all };
  },
  make: ({ named }, { runtime }) => ({
    complete(stream) {
      if (stream.requestProtocol !== 'grpc' || stream.upstreamCluster === '') return;
      const [, service = '', method = ''] = stream.path.split('/');
      const prefix = `cluster.${stream.upstreamCluster}.grpc.${named(service, method) ? `${service}.${method}.` : ''}`;
      const status = statusOf(stream);
      runtime.counters.get(`${prefix}${status === '0' ? 'success' : 'failure'}`).value++;
      runtime.counters.get(`${prefix}total`).value++;
      if (status !== '') runtime.counters.get(`${prefix}${status}`).value++;
    },
  }),
};

/** A number of gRPC's, or nothing: what upstreams make up must not become names of counters. */
function statusOf(stream: HttpStream): string {
  const status = stream.responseHeader('grpc-status') ?? '';
  return /^(?:\d|1[0-6])$/.test(status) ? status : '';
}
