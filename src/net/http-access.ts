// How a server of HTTP is reached: where, who must vouch for it, and who asks. The one way in which Lateen's own processes and commands
// speak to an API server, and to what stands behind it.
import http, { type ClientRequest } from 'node:http';
import https from 'node:https';
import { createSecureContext } from 'node:tls';

export interface HttpAccess {
  /** `https://127.0.0.1:6443`, with a path where only what is below it is meant; over http:// nobody says who they are. */
  url: string;
  /** PEM: who has signed the server's certificate. Those whom Node trusts when left out. */
  authority?: string;
  /** A bearer token. */
  token?: string;
  /** PEM: what the client shows of itself. */
  client?: { certificate: string; key: string };
  /** As kubeconfigs have it: whoever answers is believed. */
  insecureSkipVerify?: boolean;
}

/** The same server, at a path below. */
export const below = (access: HttpAccess, path: string): HttpAccess => ({ ...access, url: access.url + path });

/** Connections of one access, kept for `keptIdle` requests to come. */
export class HttpClient {
  readonly url: URL;
  private readonly agent: http.Agent;
  private readonly authorization: Record<string, string>;

  constructor(access: HttpAccess, keptIdle: number) {
    this.url = new URL(access.url);
    const secure = this.url.protocol === 'https:';
    this.authorization = secure && access.token !== undefined ? { authorization: `Bearer ${access.token}` } : {};
    const kept = { keepAlive: keptIdle > 0, maxFreeSockets: keptIdle };
    this.agent = secure ? new https.Agent({ ...kept, ...tlsOptions(access) }) : new http.Agent(kept);
  }

  /** Not sent before its `end`. `path`: below that of the access. */
  request(method: string, path: string, options: { headers?: Record<string, string>; timeout?: number } = {}): ClientRequest {
    const { protocol, hostname, port, pathname } = this.url;
    const make = protocol === 'https:' ? https.request : http.request;
    const headers = { ...options.headers, ...this.authorization };
    return make({ ...options, host: hostname, port, method, path: pathname.replace(/\/$/, '') + path, headers, agent: this.agent });
  }

  /** Ends idle connections; those in use end with their request. */
  close(): void {
    this.agent.destroy();
  }
}

/** For clients that make connections of their own. */
export function tlsOptions({ authority, client, insecureSkipVerify }: HttpAccess): https.AgentOptions {
  // Made once: each connection would read the certificates anew.
  const own = { ...(authority && { ca: authority }), ...(client && { cert: client.certificate, key: client.key }) };
  return { secureContext: createSecureContext(own), rejectUnauthorized: insecureSkipVerify !== true };
}

/** What can be done about an error of a connection's TLS; undefined: it is none. */
export function distrustHint(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (!/CERT|SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code)) return undefined;
  return 'its certificate is not of the authority that was expected: name the kubeconfig of that mesh with --kubeconfig, or run the command as the user who started it';
}
