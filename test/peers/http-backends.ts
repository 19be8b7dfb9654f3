// The HTTP servers behind the proxy, one row each.
import type { ClusterConfig } from '#proxy/config/cluster';
import { certificateOf, clientTls, trusting } from '../proxy/tls-fixture.ts';
import type { Credentials } from './door.ts';
import { startHaproxy, startNginx } from './gateways.ts';
import { type Origin, startOrigin } from './origin.ts';

export interface HttpBackend {
  name: string;
  needs: readonly string[];
  protocol: ClusterConfig['protocol'];
  tls?: true;
  start(credentials: Credentials): Promise<Origin>;
}

/** A gateway with an origin of its own behind it. */
async function before(start: (to: number) => Promise<Origin>): Promise<Origin> {
  const origin = await startOrigin('http1');
  const gateway = await start(origin.port);
  return {
    port: gateway.port,
    close: async () => {
      await gateway.close();
      await origin.close();
    },
  };
}

const nginxPass = (to: number) => `proxy_pass http://127.0.0.1:${to}; proxy_http_version 1.1; proxy_set_header Connection "";`;

export const httpBackends: readonly HttpBackend[] = [
  { name: 'node:http', needs: [], protocol: 'http1', start: () => startOrigin('http1') },
  { name: 'node:http2, h2c', needs: [], protocol: 'http2', start: () => startOrigin('http2') },
  { name: 'node:https', needs: [], protocol: 'http1', tls: true, start: ({ server }) => startOrigin('http1', server) },
  { name: 'node:http2, TLS', needs: [], protocol: 'http2', tls: true, start: ({ server }) => startOrigin('http2', server) },
  {
    name: 'nginx, HTTP/1.1',
    needs: ['nginx'],
    protocol: 'http1',
    start: ({ directory }) => before((to) => startNginx(directory, '', nginxPass(to))),
  },
  {
    name: 'nginx, h2c',
    needs: ['nginx'],
    protocol: 'http2',
    start: ({ directory }) => before((to) => startNginx(directory, 'http2', nginxPass(to))),
  },
  {
    name: 'nginx, TLS h2',
    needs: ['nginx'],
    protocol: 'http2',
    tls: true,
    start: ({ directory }) => before((to) => startNginx(directory, 'ssl http2', nginxPass(to))),
  },
  {
    name: 'haproxy, HTTP/1.1',
    needs: ['haproxy'],
    protocol: 'http1',
    start: ({ directory }) => before((to) => startHaproxy(directory, { to })),
  },
  {
    name: 'haproxy, h2c',
    needs: ['haproxy'],
    protocol: 'http2',
    start: ({ directory }) => before((to) => startHaproxy(directory, { bind: 'proto h2', to })),
  },
  {
    name: 'haproxy, mTLS h2',
    needs: ['haproxy'],
    protocol: 'http2',
    tls: true,
    start: ({ directory }) =>
      before((to) =>
        startHaproxy(directory, { bind: `ssl crt ${directory}/server-both.pem alpn h2 ca-file ${directory}/ca.pem verify required`, to }),
      ),
  },
];

/** How the proxy's cluster reaches it. */
export function clusterOf({ protocol, tls }: HttpBackend, { authority, client }: Credentials): Partial<ClusterConfig> {
  if (!tls) return { protocol };
  const applicationProtocols = protocol === 'http2' ? ['h2'] : ['http/1.1'];
  const certificates = [certificateOf(client)];
  return { protocol, tls: clientTls({ applicationProtocols, certificates, validation: trusting(authority) }) };
}
