// Reads a watch of the REST API: one JSON event a line, as long as the connection lives.
import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import type { ApiObject } from '#api/kind';
import type { Clock, Timer } from '#foundation/clock';
import type { Watch, WatchEvent, WatchHandlers } from './store.ts';

const lineBytesMax = 8 * 1024 * 1024;

export class WatchStream implements Watch {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';
  private state: 'open' | 'closed' = 'open';
  private timer: Timer;
  private release: () => void = () => undefined;

  constructor(
    private readonly options: { clock: Clock; idleMs: number },
    private readonly handlers: WatchHandlers,
  ) {
    this.timer = this.setTimer();
  }

  /** What ends the connection; called once. */
  onStop(release: () => void): void {
    this.release = release;
  }

  read(response: IncomingMessage): void {
    // 410 Gone: the version is too old to begin from.
    if (response.statusCode !== 200) {
      this.close(response.statusCode === 410 ? 'EXPIRED' : 'DISCONNECTED');
      return;
    }
    response.on('data', (chunk: Buffer) => this.take(chunk));
    response.on('end', () => this.close('DISCONNECTED'));
    response.on('error', () => this.close('DISCONNECTED'));
    response.on('close', () => this.close('DISCONNECTED'));
  }

  stop(): void {
    if (this.end()) this.release();
  }

  close(reason: 'EXPIRED' | 'DISCONNECTED'): void {
    if (!this.end()) return;
    this.release();
    this.handlers.closed(reason);
  }

  private end(): boolean {
    if (this.state === 'closed') return false;
    this.state = 'closed';
    this.timer.cancel();
    return true;
  }

  /** Handlers may stop the watch in the middle of a chunk. */
  private isClosed(): boolean {
    return this.state === 'closed';
  }

  private setTimer(): Timer {
    return this.options.clock.after(this.options.idleMs, () => this.close('DISCONNECTED'), { unref: true });
  }

  private take(chunk: Buffer): void {
    if (this.isClosed()) return;
    this.timer.cancel();
    this.timer = this.setTimer();
    const lines = (this.rest + this.decoder.write(chunk)).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = parseEvent(line);
      if (typeof event === 'string') this.close(event);
      else this.handlers.event(event);
      if (this.isClosed()) return;
    }
    if (this.rest.length > lineBytesMax) this.close('DISCONNECTED');
  }
}

/** A bookmark or a change; or why the watch has ended. */
function parseEvent(line: string): WatchEvent | 'EXPIRED' | 'DISCONNECTED' {
  let event: { type: string; object: ApiObject & { code?: number } };
  try {
    event = JSON.parse(line);
  } catch {
    return 'DISCONNECTED';
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: event.object };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion ?? '' };
    default:
      return event.object?.code === 410 ? 'EXPIRED' : 'DISCONNECTED';
  }
}
