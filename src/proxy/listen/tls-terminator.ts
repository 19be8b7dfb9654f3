// The server side of TLS for the connections of one filter chain: handshake, client certificates, resumption. Uses a tls.Server that
// never listens: connections are given to it.
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { DownstreamTlsConfig } from '#proxy/config/tls';
import { hasCertificate, peerFault } from '#proxy/tls/peer-certificate';
import type { TlsContext, TlsMaterial } from '#proxy/tls/tls-context';
import type { TlsStats } from '#proxy/tls/tls-stats';

/** Envoy's default of `transport_socket_connect_timeout` is none; a handshake that takes longer than this is given up. */
const handshakeMsMax = 10_000;

type Done = (secured: TLSSocket | undefined) => void;

export class TlsTerminator {
  private server: Server | undefined;
  private material: TlsMaterial | undefined;
  /** By who they are: the server names a secured connection by its two ends only. */
  private readonly pending = new Map<string, { socket: Socket; done: Done }>();

  constructor(
    private readonly config: DownstreamTlsConfig,
    private readonly context: TlsContext,
    private readonly stats: TlsStats,
    private readonly connectTimeoutMs: number,
  ) {}

  /** Calls `done` once: with the secured connection, or with nothing, and then `socket` is closed. */
  accept(socket: Socket, done: Done): void {
    const state = this.context.current();
    if (!state.ok) {
      this.stats.secretsNotReady++;
      socket.destroy();
      done(undefined);
      return;
    }
    if (state.material !== this.material) this.take(state.material);
    const key = keyOf(socket);
    this.pending.set(key, { socket, done });
    socket.once('close', () => this.settle(key, socket, undefined));
    this.server!.emit('connection', socket);
  }

  private take(material: TlsMaterial): void {
    this.material = material;
    if (this.server !== undefined) {
      this.server.setSecureContext(material.options);
      return;
    }
    const { config } = this;
    this.server = createServer({
      ...material.options,
      ...(config.applicationProtocols.length > 0 && {
        ALPNCallback: ({ protocols }: { protocols: string[] }) => this.chosenProtocol(protocols),
      }),
      requestCert: config.requireClientCertificate || material.validation !== undefined,
      // Judged here: a client certificate may be wanted and not required.
      rejectUnauthorized: false,
      handshakeTimeout: this.connectTimeoutMs > 0 ? this.connectTimeoutMs : handshakeMsMax,
      ...(config.sessionTimeoutSeconds > 0 && { sessionTimeout: config.sessionTimeoutSeconds }),
      ...(!config.sessionTickets && { secureOptions: constants.SSL_OP_NO_TICKET }),
    });
    this.server.on('secureConnection', (secured) => this.onSecured(secured));
    this.server.on('tlsClientError', (_error, secured) => {
      this.stats.connectionError++;
      secured.destroy();
      this.settle(keyOf(secured), undefined, undefined);
    });
    if (material.ocspStaple !== undefined) {
      this.server.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, this.material?.ocspStaple ?? Buffer.alloc(0)));
    }
  }

  /** Where nothing that the client offers is served by that name, Envoy goes on without a protocol; Node can but take one or refuse. */
  private chosenProtocol(offered: readonly string[]): string | undefined {
    return this.config.applicationProtocols.find((protocol) => offered.includes(protocol)) ?? offered[0];
  }

  private onSecured(secured: TLSSocket): void {
    const { stats, config, material } = this;
    const certified = hasCertificate(secured);
    const fault = certified
      ? peerFault(secured, material?.validation)
      : config.requireClientCertificate
        ? 'PEER_DID_NOT_RETURN_A_CERTIFICATE'
        : undefined;
    if (fault !== undefined || (config.requireServerName && !secured.servername)) {
      if (certified) stats.failVerifyError++;
      else stats.failVerifyNoCert++;
      secured.destroy();
      this.settle(keyOf(secured), undefined, undefined);
      return;
    }
    stats.handshake++;
    if (secured.isSessionReused()) stats.sessionReused++;
    if (!certified) stats.noCertificate++;
    this.settle(keyOf(secured), undefined, secured);
  }

  /** `socket`: only while it is this one that waits under the key. */
  private settle(key: string, socket: Socket | undefined, secured: TLSSocket | undefined): void {
    const entry = this.pending.get(key);
    if (entry === undefined || (socket !== undefined && entry.socket !== socket)) return;
    this.pending.delete(key);
    entry.done(secured);
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
