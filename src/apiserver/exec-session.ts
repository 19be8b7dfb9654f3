// The subresource `exec` over a WebSocket, as kubectl since 1.31 speaks it (`v5.channel.k8s.io`, and v4 before it): each message begins with
// the number of its channel.
import type { WebSocket } from 'ws';
import type { RunningCommand } from './pod-access.ts';

export const execProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;
/** A client that does not read is not run away from. */
const unsentBytesMax = 1024 * 1024;

/** Joins the command and the client until either ends. */
export function runExec(socket: WebSocket, command: RunningCommand): void {
  const forward = (stream: NodeJS.ReadableStream, number: number) => {
    stream.on('data', (data: Buffer) => {
      if (socket.bufferedAmount > unsentBytesMax) stream.pause();
      socket.send(framed(number, data), () => stream.resume());
    });
  };
  forward(command.stdout, channel.stdout);
  forward(command.stderr, channel.stderr);
  command.stdin.on('error', () => {
    // The command has closed its input: what comes for it is dropped.
  });
  socket.on('message', (message: Buffer) => {
    const [number] = message;
    if (number === channel.stdin) command.stdin.write(message.subarray(1));
    else if (number === channel.close && message[1] === channel.stdin) command.stdin.end();
  });
  socket.on('close', () => command.kill());
  socket.on('error', () => command.kill());
  command.onExit((code) => {
    socket.send(framed(channel.error, Buffer.from(JSON.stringify(exitStatus(code)))));
    socket.close(1000);
  });
}

function framed(number: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number]), data]);
}

function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: `${code}` }] },
  };
}
