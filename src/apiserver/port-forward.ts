// The subresource `portforward`: connections of a client carried to a pod's ports. kubectl opens two streams for each over SPDY (since 1.31
// inside of a WebSocket), one for the bytes and one for what goes wrong; other clients have two channels for each port of a WebSocket.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { messageOf } from '#foundation/mesh-error';
import { SpdyConnection, type SpdyStream } from '#net/spdy-connection';
import { channelOf } from './websocket-channels.ts';

export const spdyForwardProtocol = 'portforward.k8s.io';
export const tunnelledForwardProtocol = 'SPDY/3.1+portforward.k8s.io';

/** Connects to a port of the pod. Rejects where nobody listens. */
export type Connect = (port: number) => Promise<Socket>;

export function forwardOverSpdy(bytes: Duplex, connect: Connect): void {
  const waiting = new Map<string, SpdyStream>();
  new SpdyConnection(bytes, (stream) => {
    const { requestid: id = '', streamtype: type } = stream.headers;
    const other = waiting.get(id);
    if (!other) return void waiting.set(id, stream);
    waiting.delete(id);
    const [data, error] = type === 'data' ? [stream, other] : [other, stream];
    void forward(Number(data.headers['port']), data, error, connect);
  });
}

async function forward(port: number, data: Duplex, error: Duplex, connect: Connect): Promise<void> {
  // Nothing comes on it from the client but its end.
  error.resume();
  try {
    const socket = await connect(port);
    const drop = () => {
      socket.destroy();
      data.destroy();
    };
    socket.on('error', drop);
    data.on('error', drop).on('close', () => socket.destroy());
    socket.on('close', () => error.end());
    socket.pipe(data).pipe(socket);
  } catch (thrown) {
    error.end(`an error occurred forwarding ${port}: ${messageOf(thrown)}`);
    data.end();
  }
}

/** For each port in order a channel for bytes and one for errors; the first message of each says the port. */
export function forwardOverWebSocket(socket: WebSocket, ports: readonly number[], connect: Connect): void {
  const inputs = ports.map((port, index) => {
    const [output, errors] = [channelOf(socket, 2 * index), channelOf(socket, 2 * index + 1)];
    const said = Buffer.alloc(2);
    said.writeUInt16LE(port);
    output.write(said);
    errors.write(said);
    const data = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => void output.write(chunk, () => done()),
      final: (done) => {
        socket.close(1000);
        done();
      },
    });
    const error = new Duplex({ read: () => undefined, write: (chunk: Buffer, _, done) => void errors.write(chunk, () => done()) });
    void forward(port, data, error, connect);
    return data;
  });
  socket.on('message', (message: Buffer) => {
    const [number = 1] = message;
    if (number % 2 === 0) inputs[number / 2]?.push(message.subarray(1));
  });
  const end = () => {
    for (const data of inputs) data.destroy();
  };
  socket.on('close', end);
  socket.on('error', end);
}
