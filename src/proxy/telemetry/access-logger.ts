// Writes a line per finished exchange, as the listener's or the connection manager's access_log asks.
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { AccessLogConfig } from '#proxy/config/access-log';
import type { ExchangeListener, ProxiedExchange } from '#proxy/runtime';
import { type AccessLogFormatter, compileJsonFormat, compileTextFormat } from '#telemetry/access-log-format';
import { LogFile } from './log-file.ts';

/** Access loggers of one proxy; files are shared between loggers of the same path. */
export class AccessLoggers {
  private readonly files = new Map<string, LogFile>();

  /** `standardOutput`: the file that stands for the proxy's own stdout and stderr (a pod's proxies share one process). */
  constructor(private readonly options: { clock: Clock; logger: Logger; standardOutput: string }) {}

  create(config: AccessLogConfig): ExchangeListener {
    const file = this.file(config.sink.kind === 'file' ? config.sink.path : this.options.standardOutput);
    return new AccessLogger(this.compile(config.format), file);
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.values()].map((file) => file.close()));
    this.files.clear();
  }

  private compile(format: AccessLogConfig['format']): AccessLogFormatter {
    const unknown = (operator: string) => this.options.logger.warn({ operator }, 'access log operator is not known: printed as "-"');
    return format.kind === 'text' ? compileTextFormat(format.text, unknown) : compileJsonFormat(format.fields, unknown);
  }

  private file(path: string): LogFile {
    let file = this.files.get(path);
    if (file === undefined) {
      file = new LogFile(path, this.options.clock, this.options.logger);
      this.files.set(path, file);
    }
    return file;
  }
}

class AccessLogger implements ExchangeListener {
  constructor(
    private readonly format: AccessLogFormatter,
    private readonly file: LogFile,
  ) {}

  onComplete(exchange: ProxiedExchange): void {
    this.file.write(this.format(exchange));
  }
}
