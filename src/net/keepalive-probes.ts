// How often and how fast the system asks an idle connection whether it is still there, where it does not answer at first. Node sets the time
// until the first question alone; this is by a system call, whose library is loaded when somebody asks for it.
import type { Socket } from 'node:net';
import type { Logger } from '#foundation/logger';
import { descriptorOf } from './socket-handle.ts';
import { loadSystemCalls, type SystemCalls } from './system-calls.ts';

export interface ProbeSettings {
  /** So many without an answer, and the connection is broken; undefined: the system's own. */
  probes: number | undefined;
  /** Between two; undefined: the system's own. */
  intervalSeconds: number | undefined;
}

export class KeepaliveProbes {
  private calls: Promise<SystemCalls | undefined> | undefined;

  constructor(private readonly logger: Logger) {}

  /** For a socket that is connecting. Where the system has no such calls, it is said once, and the system's own settings hold. */
  set(connecting: Socket, { probes, intervalSeconds }: ProbeSettings): void {
    if (probes === undefined && intervalSeconds === undefined) return;
    connecting.once('connect', async () => {
      const calls = await (this.calls ??= this.load());
      const descriptor = descriptorOf(connecting);
      if (calls === undefined || descriptor < 0) return;
      if (probes !== undefined) calls.setOption(descriptor, 'keepalive-probes', probes);
      if (intervalSeconds !== undefined) calls.setOption(descriptor, 'keepalive-interval', intervalSeconds);
    });
  }

  private async load(): Promise<SystemCalls | undefined> {
    try {
      return await loadSystemCalls();
    } catch (thrown) {
      this.logger.warn({ err: thrown }, 'tcpKeepalive: probes and interval are the system’s own, the time alone is set');
      return undefined;
    }
  }
}
