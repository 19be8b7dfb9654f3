// What each admin path of a proxy answers. Paths and shapes are Envoy's.
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { Regex } from '#codec/regex';
import type { Logger } from '#foundation/logger';
import type { BoundAddress, WhichListeners } from '#proxy/listen/listener-manager';
import { dumpSections } from '#xds/config-dump';
import type { AdminRoute } from './admin-server.ts';
import { jsonPage, textPage } from './admin-server.ts';
import { describeCertificates, type HeldCertificates } from './certificates.ts';
import { describeClusters, formatClusters } from './cluster-status.ts';
import { type DumpInput, dumpConfig } from './config-dump.ts';
import { selectDump } from './dump-query.ts';
import type { ProxyStats } from './proxy-stats.ts';
import { formatPrometheus, formatStats, statsJson } from './stats.ts';

const loggerName = 'proxy';
const logLevels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'];
/** Envoy's words to the logger's. */
const levelNames: Readonly<Record<string, string>> = { warning: 'warn', critical: 'error', off: 'silent' };

/** What the admin interface may see and do of its proxy. */
export interface AdminSubject {
  readonly listeners: { boundAddresses(): readonly BoundAddress[] };
  readonly heldCertificates: HeldCertificates;
  readonly wallMs: number;
  readonly logger: Pick<Logger, 'level'>;
  readonly state: 'LIVE' | 'DRAINING' | 'INITIALIZING';
  healthFailed: boolean;
  /** `graceful`: connections are asked to leave first, while new ones are still accepted. */
  drain(options: { graceful: boolean; which: WhichListeners }): Promise<void>;
  /** Ends the proxy. */
  quit(): void;
  canonicalJson(): Promise<CanonicalJson>;
  dumpInput(): DumpInput;
  serverInfo(): object;
  /** Of all processes that serve it. */
  stats(): Promise<ProxyStats>;
}

export function adminRoutes(proxy: AdminSubject): Record<string, AdminRoute> {
  return { ...clusterRoutes(proxy), ...configRoutes(proxy), ...lifecycleRoutes(proxy), ...statsRoutes(proxy) };
}

function clusterRoutes(proxy: AdminSubject): Record<string, AdminRoute> {
  return {
    '/clusters': {
      help: 'upstream cluster status (format=json)',
      serve: async (query) => {
        const { clusters } = await proxy.stats();
        return query.get('format') === 'json' ? jsonPage(describeClusters(clusters)) : textPage(formatClusters(clusters));
      },
    },
  };
}

function configRoutes(proxy: AdminSubject): Record<string, AdminRoute> {
  return {
    '/config_dump': {
      help: 'the current configuration (resource=dynamic_listeners|..., mask, name_regex, include_eds)',
      serve: async (query) => {
        const [resource, mask, nameRegex] = ['resource', 'mask', 'name_regex'].map((name) => query.get(name) || undefined);
        const includeEds = query.has('include_eds') || resource === dumpSections.endpoint.active;
        const dumps = dumpConfig(proxy.dumpInput(), await proxy.canonicalJson(), { includeEds });
        return jsonPage({
          configs: selectDump(dumps, { ...(resource && { resource }), ...(mask && { mask }), ...(nameRegex && { nameRegex }) }),
        });
      },
    },
    '/certs': {
      help: 'certificates that are served with or trusted',
      serve: () => jsonPage(describeCertificates(proxy.heldCertificates, proxy.wallMs)),
    },
    '/listeners': {
      help: 'bound addresses (format=json)',
      serve: (query) => {
        const bound = proxy.listeners.boundAddresses();
        if (query.get('format') !== 'json')
          return textPage(bound.map(({ name, address, port }) => `${name}::${address}:${port}\n`).join(''));
        return jsonPage({
          listener_statuses: bound.map(({ name, address, port }) => ({
            name,
            local_address: { socket_address: { address, port_value: port } },
          })),
        });
      },
    },
  };
}

function lifecycleRoutes(proxy: AdminSubject): Record<string, AdminRoute> {
  const act = (help: string, change: (query: URLSearchParams) => void): AdminRoute => ({
    help,
    mutates: true,
    serve: (query) => {
      change(query);
      return textPage('OK\n');
    },
  });
  return {
    '/drain_listeners': act('close the listeners, let connections finish (graceful, inboundonly)', (query) => {
      void proxy.drain({ graceful: query.has('graceful'), which: query.has('inboundonly') ? 'inbound' : 'all' });
    }),
    '/quitquitquit': act('end this proxy', () => proxy.quit()),
    '/healthcheck/fail': act('make /ready fail', () => {
      proxy.healthFailed = true;
    }),
    '/healthcheck/ok': act('make /ready tell the truth again', () => {
      proxy.healthFailed = false;
    }),
    '/logging': {
      help: `the log level (level=${logLevels.join('|')}, or ${loggerName}=…)`,
      mutates: true,
      serve: (query) => {
        const unknown = [...query.keys()].find((key) => key !== 'level' && key !== loggerName);
        if (unknown !== undefined) return textPage(`logger ${unknown} is not known: the only one is ${loggerName}\n`, 400);
        const level = query.get('level') ?? query.get(loggerName);
        if (level !== null) {
          if (!logLevels.includes(level)) return textPage(`level ${level} is not known: one of ${logLevels.join(', ')}\n`, 400);
          proxy.logger.level = levelNames[level] ?? level;
        }
        return textPage(`active loggers:\n  ${loggerName}: ${proxy.logger.level}\n`);
      },
    },
    '/ready': {
      help: 'LIVE when configured and taking traffic',
      serve: () => (proxy.state === 'LIVE' ? textPage('LIVE\n') : textPage(`${proxy.state}\n`, 503)),
    },
    '/server_info': { help: 'version, state, node', serve: () => jsonPage(proxy.serverInfo()) },
  };
}

/** Envoy's fields. */
function describeMemory({ memory: { heapUsed, heapTotal, rss, external } }: ProxyStats): object {
  const fields = {
    allocated: heapUsed + external,
    heap_size: heapTotal,
    total_physical_bytes: rss,
    pageheap_unmapped: 0,
    pageheap_free: 0,
  };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

function statsRoutes(proxy: AdminSubject): Record<string, AdminRoute> {
  const filterOf = (query: URLSearchParams) => {
    const filter = query.get('filter');
    return filter === null ? undefined : new Regex(filter);
  };
  const prometheus = async () => textPage(formatPrometheus(await proxy.stats()));
  return {
    '/memory': {
      help: 'memory of the processes that hold this proxy',
      serve: async () => jsonPage(describeMemory(await proxy.stats())),
    },
    '/stats': {
      help: 'counters (filter=REGEX, format=json|prometheus)',
      serve: async (query) => {
        const format = query.get('format');
        if (format === 'prometheus') return prometheus();
        const stats = await proxy.stats();
        return format === 'json' ? jsonPage(statsJson(stats, filterOf(query))) : textPage(formatStats(stats, filterOf(query)));
      },
    },
    '/stats/prometheus': { help: "counters and Istio's metrics for Prometheus", serve: prometheus },
  };
}
