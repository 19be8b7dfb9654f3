// Requests that leave HTTP: commands in pods and connections to them, over WebSockets and SPDY. Who asks and what they may is looked at
// before anything is upgraded.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '#foundation/mesh-error';
import { failure, statusOf } from '#store/status';
import { StoreError } from '#store/store-error';
import type { PodAccess, PodTarget } from './pod-access.ts';
import { type Connect, forwardOverSpdy, forwardOverWebSocket, spdyForwardProtocol, tunnelledForwardProtocol } from './port-forward.ts';
import { type CommandChannels, type CommandStreams, joinCommand, streamsAsked } from './remote-command.ts';
import { parseResourcePath } from './resource-path.ts';
import { spdyChannels, spdyCommandProtocols } from './spdy-channels.ts';
import type { Access } from './user.ts';
import { channelProtocols, webSocketChannels } from './websocket-channels.ts';

export interface UpgradeOptions {
  /** Rejects with a StoreError where the user may not. */
  authorize(request: IncomingMessage, access: Access): Promise<void>;
  pods: PodAccess | undefined;
}

const messageBytesMax = 16 * 1024 * 1024;

/** What is wanted of a pod, once it is known to be there: over each of the two transports. */
interface Session {
  webSocketProtocols: readonly string[];
  overWebSocket(socket: WebSocket): void;
  spdyProtocols: readonly string[];
  overSpdy(bytes: Socket): void;
}

export class UpgradeRoutes {
  constructor(private readonly options: UpgradeOptions) {}

  handle(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    void this.upgrade(request, socket, head).catch((error) => refuse(socket, error));
  }

  private async upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const path = parseResourcePath(pathname);
    const { name, namespace = '', subresource = '' } = path ?? {};
    if (path?.group !== '' || path.plural !== 'pods' || name === undefined || !['exec', 'attach', 'portforward'].includes(subresource)) {
      throw new StoreError('NOT_FOUND', `the server upgrades nothing at ${pathname}`);
    }
    await this.options.authorize(request, { verb: 'create', group: '', resource: 'pods', subresource, namespace, name });
    const { pods } = this.options;
    if (!pods) throw new StoreError('UNAVAILABLE', 'this server runs no pods');
    const target = { namespace, pod: name, container: searchParams.get('container') ?? '' };
    const session =
      subresource === 'portforward' ? forwardSession(pods, target, searchParams) : commandSession(pods, target, subresource, searchParams);
    const wanted = request.headers.upgrade?.toLowerCase();
    if (wanted === 'websocket') openWebSocket(request, socket, head, session);
    else if (wanted === 'spdy/3.1') openSpdy(request, socket, head, session);
    else throw new StoreError('BAD_REQUEST', `${request.headers.upgrade} is not spoken here: WebSocket and SPDY/3.1 are`);
  }
}

function commandSession(pods: PodAccess, target: PodTarget, subresource: string, query: URLSearchParams): Session {
  const asked: CommandStreams = streamsAsked(query);
  // Whatever is wrong is said before the upgrade; what nobody listens to yet is not started.
  const start = subresource === 'exec' ? pods.exec(target, query.getAll('command'), asked.tty) : pods.attach(target);
  const join = (channels: CommandChannels) => joinCommand(start(), channels);
  return {
    webSocketProtocols: channelProtocols,
    overWebSocket: (socket) => join(webSocketChannels(socket, asked)),
    spdyProtocols: spdyCommandProtocols,
    overSpdy: (bytes) => spdyChannels(bytes, asked, join),
  };
}

function forwardSession(pods: PodAccess, target: PodTarget, query: URLSearchParams): Session {
  const ports = query
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map(Number);
  const connect: Connect = pods.forward(target);
  return {
    webSocketProtocols: [tunnelledForwardProtocol, ...channelProtocols],
    overWebSocket: (socket) => {
      if (socket.protocol === tunnelledForwardProtocol) forwardOverSpdy(createWebSocketStream(socket), connect);
      else forwardOverWebSocket(socket, ports, connect);
    },
    spdyProtocols: [spdyForwardProtocol],
    overSpdy: (bytes) => forwardOverSpdy(bytes, connect),
  };
}

function openWebSocket(request: IncomingMessage, socket: Socket, head: Buffer, { webSocketProtocols, overWebSocket }: Session): void {
  const handleProtocols = (offered: Set<string>) => webSocketProtocols.find((protocol) => offered.has(protocol)) ?? false;
  const server = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax, handleProtocols });
  server.handleUpgrade(request, socket, head, overWebSocket);
}

function openSpdy(request: IncomingMessage, socket: Socket, head: Buffer, { spdyProtocols, overSpdy }: Session): void {
  const offered = [request.headers['x-stream-protocol-version'] ?? []].flat().flatMap((line) => line.split(/, */));
  const protocol = spdyProtocols.find((each) => offered.includes(each));
  if (protocol === undefined) throw new StoreError('BAD_REQUEST', `none of the protocols ${offered.join(', ')} is spoken here`);
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1', `X-Stream-Protocol-Version: ${protocol}`];
  socket.setNoDelay(true);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  overSpdy(socket);
}
function refuse(socket: Socket, error: unknown): void {
  const status = error instanceof StoreError ? statusOf(error) : failure(500, 'InternalError', messageOf(error));
  const body = JSON.stringify(status);
  const head = `HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body);
}
