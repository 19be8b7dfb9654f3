// An access log's file: lines are gathered and written in batches; what the disk cannot take in time is dropped and counted.
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';

const batchBytesMax = 64 * 1024;
const backlogBytesMax = 4 * 1024 * 1024;
const flushMs = 250;
const standardOutput = 1;

export class LogFile {
  private lines = '';
  private timer: Timer | undefined;
  private readonly stream: WriteStream;
  dropped = 0;

  /** Without `path`: the standard output of this process, which stays open. */
  constructor(
    path: string | undefined,
    private readonly clock: Clock,
    logger: Logger,
  ) {
    const target = path === undefined ? { fd: standardOutput, autoClose: false } : { flags: 'a' };
    this.stream = createWriteStream(path ?? '', target);
    this.stream.on('error', (error) => logger.error({ path, error: error.message }, 'access log cannot be written'));
  }

  write(line: string): void {
    this.lines += line;
    if (this.lines.length >= batchBytesMax) this.flush();
    else this.timer ??= this.clock.after(flushMs, () => this.flush(), { unref: true });
  }

  flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.lines === '') return;
    const batch = this.lines;
    this.lines = '';
    if (this.stream.destroyed || this.stream.writableLength > backlogBytesMax) this.dropped++;
    else this.stream.write(batch);
  }

  close(): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      if (this.stream.destroyed) resolve();
      else this.stream.end(() => resolve());
    });
  }
}
