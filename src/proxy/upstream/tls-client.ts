// The client side of TLS for the connections of a cluster: which of its transport sockets an endpoint gets, handshake, checks of the
// server's certificate, resumption. Used by open-socket.ts.
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import type { UpstreamTlsConfig } from '#proxy/config/tls';
import { peerFault } from '#proxy/tls/peer-certificate';
import { TlsContext, type TlsMaterial } from '#proxy/tls/tls-context';
import type { TlsStats } from '#proxy/tls/tls-stats';
import type { TlsOffer } from './tls-offer.ts';
import type { UpstreamOptions } from './upstream-context.ts';

/** Sessions kept for resumption, one per address. */
const sessionsMax = 256;

export class ClusterTls {
  private readonly standard: TlsClient | undefined;
  private readonly matches: readonly { labels: Readonly<Record<string, string>>; client: TlsClient | undefined }[];

  constructor(config: ClusterConfig, { secrets, clock }: Pick<UpstreamOptions, 'secrets' | 'clock'>, stats: TlsStats) {
    const client = (tls: UpstreamTlsConfig | undefined) =>
      tls && new TlsClient(tls, new TlsContext(tls, secrets, clock), stats, config.autoSanValidation);
    this.standard = client(config.tls);
    this.matches = config.tlsMatches.map(({ labels, tls }) => ({ labels, client: client(tls) }));
  }

  /** False: no endpoint is spoken to by TLS. */
  get any(): boolean {
    return this.standard !== undefined || this.matches.some(({ client }) => client !== undefined);
  }

  for({ transportLabels }: EndpointConfig): TlsClient | undefined {
    const matched = this.matches.find(({ labels }) => Object.entries(labels).every(([name, value]) => transportLabels[name] === value));
    return matched === undefined ? this.standard : matched.client;
  }
}

export class TlsClient {
  /** By address and what was said there; each with what the server was judged by when it began. */
  private readonly sessions = new Map<string, { ticket: Buffer; material: TlsMaterial }>();

  constructor(
    private readonly config: UpstreamTlsConfig,
    private readonly context: TlsContext,
    /** Of the cluster: it outlives its transport sockets. */
    private readonly stats: TlsStats,
    /** Servers have to have the names that requests call them by. */
    private readonly asksName: boolean,
  ) {}

  /**
   * Connects as `options` say. `onSecured` is called once the server has shown who it is; until then nothing that is written goes out.
   * A handshake that fails destroys the socket with the reason as its error.
   */
  connect(options: ConnectionOptions, onSecured: () => void, offer?: TlsOffer): TLSSocket {
    const { config, stats } = this;
    const state = this.context.current();
    const protocols = offer?.protocols ?? config.applicationProtocols;
    const server = offer?.server ?? config.serverName;
    const address = `${options.path ?? `${options.host}:${options.port}`} ${protocols.join()} ${server}`;
    const known = this.sessions.get(address);
    const session = state.ok && known?.material === state.material ? known.ticket : undefined;
    const socket = connect({
      ...options,
      ...(state.ok && { secureContext: state.material.context }),
      // An address is no name (RFC 6066).
      ...(server !== '' && isIP(server) === 0 && { servername: server }),
      ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
      ...(session && { session }),
      // Judged below: Envoy's rules are not those of a browser.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    // `noDelay` among the options is not heeded by Node's tls.connect.
    socket.setNoDelay(true);
    if (!state.ok) {
      stats.secretsNotReady++;
      socket.destroy(new Error(`TLS_SECRETS_NOT_READY ${state.reason}`));
      return socket;
    }
    const { material } = state;
    /** It was called by a name that the configuration does not say. */
    const found = server === '' ? options.servername : undefined;
    const asked = this.asksName ? offer?.server : undefined;
    let judged = false;
    let early: Buffer | undefined;
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      // The other is what a write under way is told.
      if (code?.startsWith('ERR_SSL_') || code === 'EPROTO') stats.connectionError++;
    });
    socket.once('secureConnect', () => {
      // Who resumes was judged when the session began: Node does not show his certificate again.
      const fault = socket.isSessionReused()
        ? undefined
        : (peerFault(socket, material.validation) ?? nameFault(socket, material.validation, found, asked));
      if (fault !== undefined) {
        stats.failVerifyError++;
        socket.destroy(new Error(`TLS_CERTIFICATE_VERIFY_FAILED ${fault}`));
        return;
      }
      stats.handshake++;
      if (socket.isSessionReused()) stats.sessionReused++;
      judged = true;
      if (early !== undefined) this.keep(address, early, material);
      onSecured();
    });
    socket.on('session', (ticket) => {
      if (judged) this.keep(address, ticket, material);
      else early = ticket;
    });
    return socket;
  }

  private keep(address: string, ticket: Buffer, material: TlsMaterial): void {
    if (this.sessions.size >= sessionsMax) this.sessions.delete(this.sessions.keys().next().value!);
    this.sessions.set(address, { ticket, material });
  }
}

/**
 * Who is found by a name has to have it, where it is said whom to trust and no other name is asked for; who is asked for by a request has to
 * have that name in any case.
 */
function nameFault(
  socket: TLSSocket,
  validation: TlsMaterial['validation'],
  found: string | undefined,
  asked: string | undefined,
): string | undefined {
  const name = asked ?? (validation?.subjectAltNames.length === 0 ? found : undefined);
  return validation === undefined || name === undefined ? undefined : checkServerIdentity(name, socket.getPeerCertificate())?.message;
}
