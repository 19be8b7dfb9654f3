// Requests that leave HTTP: commands in pods, over WebSockets. Who asks and what they may has been looked at before.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { messageOf } from '#foundation/mesh-error';
import { failure, statusOf } from '#store/status';
import { StoreError } from '#store/store-error';
import { execProtocols, runExec } from './exec-session.ts';
import type { PodAccess } from './pod-access.ts';
import { parseResourcePath } from './resource-path.ts';
import type { Access } from './user.ts';

export interface UpgradeOptions {
  /** Throws StoreError where the user may not. */
  authorize(request: IncomingMessage, access: Access): void;
  pods: PodAccess | undefined;
}

const messageBytesMax = 16 * 1024 * 1024;

export class UpgradeRoutes {
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    handleProtocols: (offered) => execProtocols.find((protocol) => offered.has(protocol)) ?? false,
  });

  constructor(private readonly options: UpgradeOptions) {}

  handle(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    try {
      this.upgrade(request, socket, head);
    } catch (error) {
      refuse(socket, error);
    }
  }

  private upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const path = parseResourcePath(url.pathname);
    if (path?.group !== '' || path.plural !== 'pods' || path.name === undefined || path.subresource !== 'exec') {
      throw new StoreError('NOT_FOUND', `the server upgrades nothing at ${url.pathname}`);
    }
    const { group, namespace = '', name, subresource } = path;
    this.options.authorize(request, { verb: 'create', group, resource: 'pods', subresource, namespace, name });
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      const hint = 'use kubectl 1.31 or later, or set KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true with 1.29 and 1.30';
      throw new StoreError('BAD_REQUEST', `${request.headers.upgrade} is not spoken here: WebSocket is`, { hint });
    }
    if (!this.options.pods) throw new StoreError('UNAVAILABLE', 'this server runs no pods');
    const command = this.options.pods.exec(namespace, name, url.searchParams.get('container') ?? '', url.searchParams.getAll('command'));
    this.sockets.handleUpgrade(request, socket, head, (opened) => runExec(opened, command));
  }
}

function refuse(socket: Socket, error: unknown): void {
  const status = error instanceof StoreError ? statusOf(error) : failure(500, 'InternalError', messageOf(error));
  const body = JSON.stringify(status);
  const head = `HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body);
}
