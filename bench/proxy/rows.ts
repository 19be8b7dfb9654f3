// The figures that are judged, one row each: what load, against whom, and how well Lateen must do. From the issue.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Files, haproxy, nginxProxy } from './gateway-config.ts';
import type { ProxyOptions } from './lateen-options.ts';
import type { Load } from './load.ts';
import type { Program } from './processes.ts';

export interface Target {
  least: number;
  aim: number;
}

export interface Peer {
  name: string;
  needs?: string;
  /** `from`: the port that the load goes to; `more`: ports for what stands between. The last one listens last. */
  programs(from: number, more: number): readonly Program[];
  target?: Target;
}

export interface Row {
  id: string;
  work: string;
  /** `throughput`: Lateen's over the peer's, at least. `cpu`: per request, Lateen's over the peer's, at most. */
  judged: 'throughput' | 'cpu';
  load: Load;
  peers: readonly Peer[];
}

export interface Places extends Files {
  /** Of the built programs of this folder. */
  programs: URL;
  backend: { http1: number; h2c: number; mtls: number };
}

export function rows(places: Places): Row[] {
  const many = { tool: 'wrk', connections: 64 } as const;
  const streams = { tool: 'h2load', connections: 4, streams: 16, path: '/1k' } as const;
  const grpc = { ...streams, body: grpcBody(places), headers: ['content-type: application/grpc', 'te: trailers'] };
  const { http1, h2c, mtls } = places.backend;
  const h2 = ` crt ${places.pem} alpn h2`;
  const secured = `ssl${h2} ca-file ${places.pem} verify required sni str(bench.test)`;
  const { lateen, node, nginx, ha } = peerMakers(places);
  return [
    {
      id: 'h1-1k',
      work: 'HTTP/1.1, 1 KB',
      judged: 'throughput',
      load: { ...many, path: '/1k' },
      peers: [
        lateen({ to: http1 }),
        node('l4-pipe', http1, { least: 0.93, aim: 0.97 }),
        nginx('plain', http1, { least: 0.9, aim: 1 }),
        ha(http1, '', ''),
        node('node-http-proxy', http1, { least: 3.5, aim: 4.5 }),
        node('http-proxy-peer', http1),
      ],
    },
    {
      id: 'h1-64k',
      work: 'HTTP/1.1, 64 KB',
      judged: 'cpu',
      load: { ...many, path: '/64k' },
      peers: [lateen({ to: http1 }), ha(http1, '', '', { least: 1.6, aim: 1.3 }), nginx('plain', http1)],
    },
    {
      id: 'h1-1m',
      work: 'HTTP/1.1, 1 MB',
      judged: 'cpu',
      load: { ...many, connections: 16, path: '/1m' },
      peers: [lateen({ to: http1 }), ha(http1, '', '', { least: 1, aim: 0.75 }), nginx('plain', http1)],
    },
    {
      id: 'tls-in',
      work: 'TLS in, keep-alive',
      judged: 'throughput',
      load: { ...many, tls: true, path: '/1k' },
      peers: [lateen({ to: http1, in: 'tls' }), nginx('tls', http1, { least: 0.75, aim: 0.9 }), ha(http1, `ssl crt ${places.pem}`, '')],
    },
    {
      id: 'mtls',
      work: 'mTLS, sidecar to sidecar',
      judged: 'throughput',
      load: { ...many, path: '/1k' },
      peers: [lateen({ to: http1, pair: true }), nginx('pair', http1, { least: 0.6, aim: 0.8 })],
    },
    {
      id: 'h2-h1',
      work: 'HTTP/2 in, HTTP/1.1 out',
      judged: 'cpu',
      load: streams,
      peers: [
        lateen({ to: http1 }),
        ha(http1, 'proto h2', '', { least: 1.3, aim: 1.1 }),
        node('node-http2-proxy', http1, { least: 0.25, aim: 0.15 }),
      ],
    },
    {
      id: 'h2-h2',
      work: 'HTTP/2 both sides',
      judged: 'cpu',
      load: streams,
      peers: [lateen({ to: h2c, out: 'h2' }), ha(h2c, 'proto h2', 'proto h2', { least: 1.4, aim: 1.15 })],
    },
    {
      id: 'grpc',
      work: 'gRPC unary',
      judged: 'cpu',
      load: grpc,
      peers: [lateen({ to: h2c, out: 'h2' }), ha(h2c, 'proto h2', 'proto h2', { least: 1.4, aim: 1.15 })],
    },
    {
      id: 'h2-tls-mtls',
      work: 'HTTP/2 over TLS in, mTLS HTTP/2 out',
      judged: 'cpu',
      load: { ...streams, tls: true },
      peers: [lateen({ to: mtls, in: 'tls', out: 'mtls-h2' }), ha(mtls, `ssl${h2}`, secured, { least: 1.35, aim: 1.15 })],
    },
  ];
}

/** A gRPC message of 32 bytes behind its prefix. */
function grpcBody({ directory }: Places): string {
  return join(directory, 'grpc-body');
}

function peerMakers(places: Places) {
  const script = (name: string) => fileURLToPath(new URL(`./${name}.js`, places.programs));
  const own = (port: number, options: Omit<ProxyOptions, 'port'>): Program => ({
    port,
    command: [process.execPath, script('lateen-proxy'), JSON.stringify({ ...options, port })],
  });
  const { pem } = places;
  return {
    lateen({ to, pair, ...options }: Partial<ProxyOptions> & { to: number; pair?: true }): Peer {
      const programs = (port: number, more: number) =>
        pair ? [own(more, { to, pem, in: 'mtls' }), own(port, { to: more, pem, out: 'mtls-h1' })] : [own(port, { to, pem, ...options })];
      return { name: 'lateen', programs };
    },
    node(name: string, to: number, target?: Target): Peer {
      const command = (port: number) => [process.execPath, script(name), String(port), String(to)];
      return { name, ...(target && { target }), programs: (port) => [{ port, command: command(port) }] };
    },
    nginx(kind: 'plain' | 'tls' | 'pair', to: number, target?: Target): Peer {
      const programs = (port: number, more: number) =>
        kind === 'pair'
          ? [
              nginxProxy(places, `nginx-${more}`, { port: more, to, in: 'mtls', out: 'plain' }),
              nginxProxy(places, `nginx-${port}`, { port, to: more, in: 'plain', out: 'mtls' }),
            ]
          : [nginxProxy(places, `nginx-${port}`, { port, to, in: kind, out: 'plain' })];
      return { name: 'nginx', needs: 'nginx', ...(target && { target }), programs };
    },
    ha(to: number, bind: string, server: string, target?: Target): Peer {
      const programs = (port: number) => [haproxy(places, `haproxy-${port}`, port, to, bind, server)];
      return { name: 'haproxy', needs: 'haproxy', ...(target && { target }), programs };
    },
  };
}
