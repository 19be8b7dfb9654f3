// Streams of a command over a WebSocket, as kubectl since 1.31 and other clients speak them (`v5.channel.k8s.io`, and v4 before it): each
// message begins with the number of its channel.
import { PassThrough, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { type CommandChannels, type CommandStreams, terminalSize } from './remote-command.ts';

export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

export function webSocketChannels(socket: WebSocket, asked: CommandStreams): CommandChannels {
  const stdin = asked.stdin ? new PassThrough() : undefined;
  const resizes: ((size: NonNullable<ReturnType<typeof terminalSize>>) => void)[] = [];
  stdin?.on('error', () => undefined);
  socket.on('message', (message: Buffer) => {
    const [number] = message;
    // A command that does not read is waited for: the socket is not read meanwhile.
    if (number === channel.stdin && stdin?.write(message.subarray(1)) === false) {
      socket.pause();
      stdin.once('drain', () => socket.resume());
    } else if (number === channel.close && message[1] === channel.stdin) stdin?.end();
    else if (number === channel.resize) {
      const size = terminalSize(message.toString('utf8', 1));
      if (size) for (const listener of resizes) listener(size);
    }
  });
  return {
    stdin,
    stdout: asked.stdout ? channelOf(socket, channel.stdout) : undefined,
    stderr: asked.stderr ? channelOf(socket, channel.stderr) : undefined,
    onResize: (listener) => void resizes.push(listener),
    onClose: (listener) => {
      socket.on('close', listener);
      socket.on('error', listener);
    },
    end: (status) => {
      socket.send(framed(channel.error, Buffer.from(JSON.stringify(status))));
      socket.close(1000);
    },
  };
}

/** Done with a message when the socket has taken it: a client that does not read is not run away from. */
export function channelOf(socket: WebSocket, number: number): Writable {
  return new Writable({
    write: (data: Buffer, _, done) => {
      if (socket.readyState === socket.OPEN) socket.send(framed(number, data), () => done());
      else done();
    },
  });
}

function framed(number: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number]), data]);
}
