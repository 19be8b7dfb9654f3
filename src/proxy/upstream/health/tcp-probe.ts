// Checks by connecting, perhaps by saying something and hearing what is expected.
import type { ProbeConfig } from '#proxy/config/health-check';
import type { Endpoint } from '../endpoint.ts';
import { openSocket } from '../open-socket.ts';
import type { Probe, ProbeResult } from './probe.ts';

/** More than this before what is expected has come: it is not the one that we wanted to meet. */
const heardBytesMax = 65_536;

/** Calls `done` once. */
export function tcpProbe(
  endpoint: Endpoint,
  { send, receive }: Extract<ProbeConfig, { kind: 'tcp' }>,
  done: (result: ProbeResult) => void,
): Probe {
  let heard = Buffer.alloc(0);
  let over = false;
  const finish = (result: ProbeResult): void => {
    if (over) return;
    over = true;
    socket.destroy();
    done(result);
  };
  const onread = {
    buffer: Buffer.alloc(4096),
    callback: (length: number, buffer: Uint8Array) => {
      heard = Buffer.concat([heard, buffer.subarray(0, length)]);
      if (containsInOrder(heard, receive)) finish('healthy');
      else if (heard.length > heardBytesMax) finish('broken');
      return true;
    },
  };
  const socket = openSocket(endpoint, onread, false, () => {
    if (receive.length === 0) finish('healthy');
    else if (send.length > 0) socket.write(send);
  });
  socket.on('error', () => {});
  socket.on('close', () => finish('broken'));
  return {
    cancel: () => {
      over = true;
      socket.destroy();
    },
  };
}

function containsInOrder(bytes: Buffer, blocks: readonly Buffer[]): boolean {
  let from = 0;
  for (const block of blocks) {
    const at = bytes.indexOf(block, from);
    if (at < 0) return false;
    from = at + block.length;
  }
  return true;
}
