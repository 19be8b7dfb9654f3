// The control plane's own HTTP server, for people and for the command line: Istio's paths where Istio has them.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenFailure } from '#net/port-owner';
import type { Discovery } from './discovery.ts';
import { proxyStatuses } from './proxy-status.ts';

type Page = (discovery: Discovery) => { type: string; body: string; status?: number };

const json = (value: unknown) => ({ type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` });

const pages: Readonly<Record<string, Page>> = {
  '/ready': ({ ready }) => ({
    type: 'text/plain',
    body: ready ? 'ready\n' : 'waiting for the first list of objects\n',
    status: ready ? 200 : 503,
  }),
  '/debug/syncz': ({ connections }) => json(proxyStatuses(connections)),
  '/debug/configz': ({ snapshot }) =>
    json([...snapshot.objects.values()].flatMap((table) => [...table.values()]).filter((object) => object.apiVersion.includes('istio.io'))),
  '/debug/problems': ({ snapshot }) => json([...snapshot.problems.values()].flat()),
  '/metrics': ({ metrics, connections, snapshot }) => ({
    type: 'text/plain; version=0.0.4',
    body: metrics.text({
      pilot_xds: connections.size,
      pilot_services: snapshot.services.size,
      pilot_virt_services: snapshot.virtualServices.size,
    }),
  }),
};

export class DebugServer {
  private readonly server: http.Server;

  constructor(discovery: Discovery) {
    this.server = http.createServer((request, response) => {
      const page = pages[request.url?.split('?', 1)[0] ?? ''];
      const {
        status = 200,
        type,
        body,
      } = request.method === 'GET' && page
        ? page(discovery)
        : { status: 404, type: 'text/plain', body: `try one of ${Object.keys(pages).join(' ')}\n` };
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    });
  }

  /** Resolves to the port that was bound. Throws MeshError ADDRESS_IN_USE or LISTEN_FAILED. */
  listen(address: { host: string; port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (cause) => listenFailure('the debug pages', address, cause).then(reject, reject));
      this.server.listen(address.port, address.host, () => resolve((this.server.address() as AddressInfo).port));
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
