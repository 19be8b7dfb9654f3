// Asks the resolvers that this machine is set up with: those of /etc/resolv.conf, as they were when it was made.
import { getServers } from 'node:dns';
import { Forwarder, type ForwarderOptions } from './forwarder.ts';

export function systemForwarder(own: Pick<ForwarderOptions, 'clock' | 'random'>): Forwarder {
  return new Forwarder({ ...own, servers: getServers().map(parseServer) });
}

/** As Node writes a server of resolv.conf: `10.0.0.53`, `::1`, `[::1]:5353`. */
function parseServer(text: string): { address: string; port: number } {
  const [, six, four, port = '53'] = /^(?:\[(.+)\]|([\d.]+))(?::(\d+))?$/.exec(text) ?? [];
  return { address: six ?? four ?? text, port: Number(port) };
}
