// Streams of a command over SPDY, as kubectl before 1.31 speaks them: the client opens one for each, and says in its headers which.
import type { Duplex } from 'node:stream';
import { SpdyConnection, type SpdyStream } from '#net/spdy-connection';
import { type CommandChannels, type CommandStreams, terminalSize } from './remote-command.ts';

export const spdyCommandProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io'];

/** `ready` is called once, with all streams that were asked for. */
export function spdyChannels(bytes: Duplex, asked: CommandStreams, ready: (channels: CommandChannels) => void): void {
  const wanted = ['error', ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => asked[name]), ...(asked.tty ? ['resize'] : [])];
  const streams = new Map<string, SpdyStream>();
  const connection = new SpdyConnection(bytes, (stream) => {
    streams.set(stream.headers['streamtype'] ?? '', stream);
    if (streams.size === wanted.length && wanted.every((name) => streams.has(name))) ready(channels());
  });
  const channels = (): CommandChannels => ({
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    onResize: (listener) => {
      streams.get('resize')?.on('data', (data: Buffer) => {
        const size = terminalSize(data.toString('utf8'));
        if (size) listener(size);
      });
    },
    onClose: (listener) => void bytes.on('close', listener),
    end: (status) => {
      streams.get('error')?.end(JSON.stringify(status), () => connection.close());
    },
  });
}
