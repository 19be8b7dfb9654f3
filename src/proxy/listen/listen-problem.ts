// Why a listener could not be opened, for people: which address, and when it is taken, by which process, if that can be known.
import { messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import { portOwner } from '#net/port-owner';
import { formatAddress, type SocketAddress } from '#proxy/config/socket-address';

export async function describeListenError(listener: string, address: SocketAddress, thrown: unknown): Promise<Problem> {
  const { code } = thrown as NodeJS.ErrnoException;
  const at = formatAddress(address);
  const object = `Listener ${listener}`;
  switch (code) {
    case 'EADDRINUSE': {
      const owner = await portOwner(address.address, address.port);
      return {
        level: 'error',
        code: 'PORT_IN_USE',
        message: `${at} is in use${owner === undefined ? '' : ` by ${owner}`}`,
        hint: 'end that process, or give the listener another port',
        object,
      };
    }
    case 'EACCES':
      return {
        level: 'error',
        code: 'PORT_NOT_ALLOWED',
        message: `${at}: no permission to listen there`,
        hint: 'ports below 1024 want root',
        object,
      };
    case 'EADDRNOTAVAIL':
      return { level: 'error', code: 'ADDRESS_NOT_AVAILABLE', message: `${at}: no such address on this machine`, object };
    default:
      return { level: 'error', code: 'LISTEN_FAILED', message: `${at}: ${messageOf(thrown)}`, object };
  }
}
