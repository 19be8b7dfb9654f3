// The control plane's own HTTP server, for people and for the command line: Istio's paths where Istio has them.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { messageOf } from '#foundation/mesh-error';
import { listenFailure } from '#net/port-owner';
import { dumpIntent } from './config-dump.ts';
import type { Discovery } from './discovery.ts';
import { distributionOf } from './distribution.ts';
import { proxyStatuses } from './proxy-status.ts';

interface Answer {
  type: string;
  body: string;
  status?: number;
}

interface DebugSubject {
  discovery: Discovery;
  query: URLSearchParams;
  canonicalJson: (() => Promise<CanonicalJson>) | undefined;
}

type Page = (subject: DebugSubject) => Answer | Promise<Answer>;

const text = (status: number, body: string): Answer => ({ type: 'text/plain', body: `${body}\n`, status });
const json = (value: unknown): Answer => ({ type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` });

const pages: Readonly<Record<string, Page>> = {
  '/ready': ({ discovery: { ready } }) => (ready ? text(200, 'ready') : text(503, 'waiting for the first list of objects')),
  '/debug/syncz': ({ discovery: { connections } }) => json(proxyStatuses(connections)),
  '/debug/config_distribution': ({ discovery, query }) => {
    const [kind, namespace, name] = ['kind', 'namespace', 'name'].map((word) => query.get(word) ?? '');
    if (!kind || !name) return text(400, 'of which object? add ?kind=VirtualService&namespace=default&name=reviews');
    return json(distributionOf(discovery, kind, namespace ?? '', name));
  },
  '/debug/config_dump': async ({ discovery, query, canonicalJson }) => {
    if (!canonicalJson) return text(501, 'this control plane was started without the descriptors of Envoy’s messages');
    const proxyId = query.get('proxyID');
    if (!proxyId) return text(400, 'which proxy? add ?proxyID=POD.NAMESPACE, as /debug/syncz lists them');
    const dump = dumpIntent(discovery, proxyId, await canonicalJson());
    return dump === undefined ? text(404, `no proxy "${proxyId}" is connected: /debug/syncz lists them`) : json(dump);
  },
  '/debug/configz': ({ discovery: { snapshot } }) =>
    json([...snapshot.objects.values()].flatMap((table) => [...table.values()]).filter((object) => object.apiVersion.includes('istio.io'))),
  '/debug/problems': ({ discovery: { snapshot } }) => json([...snapshot.problems.values()].flat()),
  '/metrics': ({ discovery: { metrics, connections, snapshot } }) => ({
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

  constructor(
    private readonly discovery: Discovery,
    private readonly canonicalJson: (() => Promise<CanonicalJson>) | undefined,
  ) {
    this.server = http.createServer((request, response) => {
      void this.answer(request).then(({ status = 200, type, body }) =>
        response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body),
      );
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

  private async answer(request: http.IncomingMessage): Promise<Answer> {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const page = request.method === 'GET' ? pages[path] : undefined;
    if (!page) return text(404, `try one of ${Object.keys(pages).join(' ')}`);
    const { discovery, canonicalJson } = this;
    try {
      return await page({ discovery, canonicalJson, query: new URLSearchParams(query) });
    } catch (error) {
      return text(500, messageOf(error));
    }
  }
}
