// What the listeners' side counts, under Envoy's dotted names: `http.<prefix>.`, `tcp.<prefix>.`, `listener.<address>.ssl.`. Pure.
import type { DownstreamStatsTable } from '#proxy/http/downstream-stats';
import type { BoundAddress } from '#proxy/listen/listener-manager';
import { type TlsStats, tlsSamples } from '#proxy/tls/tls-stats';
import type { Samples } from './samples.ts';

export interface DownstreamSources {
  readonly httpStats: DownstreamStatsTable;
  readonly tcpStats: DownstreamStatsTable;
  readonly overflows: number;
  boundAddresses(): readonly BoundAddress[];
  all(): Iterable<{ readonly config: { readonly name: string }; readonly connectionCount: number; readonly tlsStats: TlsStats }>;
}

export function downstreamSamples(sources: DownstreamSources): Samples {
  const samples: Record<string, number> = { 'listener_manager.downstream_cx_overflow': sources.overflows };
  for (const [kind, table] of [['http', sources.httpStats] as const, ['tcp', sources.tcpStats] as const]) {
    for (const [prefix, stats] of table.entries()) {
      for (const [name, value] of Object.entries(stats)) samples[`${kind}.${prefix}.${name}`] = value as number;
    }
  }
  const addresses = new Map(sources.boundAddresses().map(({ name, address, port }) => [name, `${address}_${port}`]));
  for (const { config, connectionCount, tlsStats } of sources.all()) {
    // One that is bound nowhere is reached through another, and known by its name.
    const listener = `listener.${addresses.get(config.name) ?? config.name}`;
    samples[`${listener}.downstream_cx_active`] = connectionCount;
    for (const [name, value] of tlsSamples(tlsStats, 'server')) samples[`${listener}.${name}`] = value;
  }
  return samples;
}
