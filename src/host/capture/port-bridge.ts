// Inside of a user namespace: connections to a port of the machine, whose socket was handed in, go on to the same port in here.
import { connect, type Server, type Socket } from 'node:net';

const connectionsMax = 10_000;

/** `outer` listens on the machine, for as long as the process lives, which it does not keep alive. */
export function bridgePort(outer: Server, port: number): void {
  let connections = 0;
  outer.on('connection', (from: Socket) => {
    if (connections >= connectionsMax) {
      from.destroy();
      return;
    }
    connections++;
    const to = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    from.setNoDelay(true);
    from.allowHalfOpen = true;
    from.pipe(to).pipe(from);
    const end = (): void => {
      from.destroy();
      to.destroy();
    };
    from.on('error', end);
    to.on('error', end);
    from.once('close', () => {
      connections--;
      to.destroy();
    });
    to.once('close', () => from.destroySoon());
  });
  outer.on('error', () => {});
  outer.unref();
}
