// The admin interface of one proxy: Envoy's paths over node's HTTP server. Reads the proxy's state; changes only the log
// level, and what /drain_listeners and /healthcheck ask for.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Network } from '#net/network';
import type { SocketAddress } from '#proxy/config/socket-address';

export interface AdminPage {
  status: number;
  contentType: string;
  body: string;
}

export interface AdminRoute {
  help: string;
  /** What changes something must be asked for by POST, as in Envoy. */
  mutates?: boolean;
  serve(query: URLSearchParams): AdminPage | Promise<AdminPage>;
}

export const textPage = (body: string, status = 200): AdminPage => ({ status, contentType: 'text/plain; charset=UTF-8', body });
export const jsonPage = (value: unknown): AdminPage => ({
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(value, null, 1)}\n`,
});

export class AdminServer {
  private readonly server: http.Server;

  constructor(
    private readonly routes: Readonly<Record<string, AdminRoute>>,
    private readonly network: Network,
  ) {
    this.server = http.createServer(
      { requestTimeout: 10_000, headersTimeout: 5_000 },
      (request, response) => void this.answer(request, response),
    );
    this.server.maxConnections = 64;
  }

  /** Resolves to the bound address; rejects when it is in use. */
  listen(at: SocketAddress): Promise<SocketAddress> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.network.listening(at), () => {
        this.server.off('error', reject);
        const bound = this.server.address() as AddressInfo;
        resolve({ address: bound.address, port: bound.port });
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    request.resume();
    const page = await this.page(request);
    response.writeHead(page.status, {
      'content-type': page.contentType,
      'content-length': Buffer.byteLength(page.body),
      'cache-control': 'no-cache, max-age=0',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : page.body);
  }

  private async page(request: http.IncomingMessage): Promise<AdminPage> {
    const url = new URL(request.url ?? '/', 'http://admin');
    const route = this.routes[url.pathname];
    if (url.pathname === '/' || url.pathname === '/help') return this.help();
    if (route === undefined) return textPage(`${url.pathname} is not an admin path. GET /help lists them.\n`, 404);
    if (route.mutates && request.method !== 'POST') return textPage(`${url.pathname} must be a POST request\n`, 405);
    try {
      return await route.serve(url.searchParams);
    } catch (thrown) {
      return textPage(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`, 400);
    }
  }

  private help(): AdminPage {
    const lines = Object.entries(this.routes).map(([path, { help, mutates }]) => `  ${path}${mutates ? ' (POST)' : ''}: ${help}\n`);
    return textPage(`admin commands are:\n${lines.join('')}`);
  }
}
