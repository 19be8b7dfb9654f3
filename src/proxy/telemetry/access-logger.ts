// Writes a line, or sends a record, per finished exchange, as the listener's or the connection manager's access_log asks.
import { ExportLogsServiceRequest, type LogRecord } from '#codec/protobuf/generated/opentelemetry/proto/export/export';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import type { AccessLogConfig, FileSink, OtlpSink } from '#proxy/config/access-log';
import type { ExchangeListener, ProxiedExchange, ProxyRuntime } from '#proxy/runtime';
import { callGrpc } from '#proxy/upstream/grpc-call';
import { textAttribute } from '#telemetry/otlp';
import { ExportQueue } from './export-queue.ts';
import { LogFile } from './log-file.ts';

export interface AccessLoggerOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  /** The file that stands for the proxy's own stdout and stderr (a pod's proxies share one process). */
  standardOutput: string;
  /** Asked when the first collector is: it is made after the loggers. */
  runtime: () => ProxyRuntime;
}

/** Access loggers of one proxy; files are shared between loggers of the same path. */
export class AccessLoggers {
  private readonly files = new Map<string, LogFile>();

  constructor(private readonly options: AccessLoggerOptions) {}

  create({ filter, sink }: AccessLogConfig): ExchangeListener {
    const log = sink.kind === 'file' ? this.fileLogger(sink) : this.otlpLogger(sink);
    const chance = () => this.options.random.next();
    return {
      onComplete: (exchange) => {
        if (filter === undefined || filter(exchange, chance)) log(exchange);
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.values()].map((file) => file.close()));
    this.files.clear();
  }

  private fileLogger({ path, format }: FileSink): (exchange: ProxiedExchange) => void {
    const file = this.file(path ?? this.options.standardOutput);
    return (exchange) => file.write(format(exchange));
  }

  private otlpLogger(sink: OtlpSink): (exchange: ProxiedExchange) => void {
    const { runtime } = this.options;
    const { node, timers, counters } = runtime();
    const labels = { log_name: sink.logName, zone_name: '', cluster_name: node.cluster, node_name: node.id };
    const builtin = sink.labelled ? Object.entries(labels).map(([key, value]) => textAttribute(key, value)) : [];
    const resource = { attributes: [...builtin, ...sink.resource] };
    const queue = new ExportQueue<LogRecord>({
      timers,
      flushIntervalMs: sink.flushIntervalMs,
      batchItemsMin: Math.max(1, Math.floor(sink.batchBytesMax / recordBytesGuess)),
      backlogItemsMax,
      sent: counters.get('access_logs.open_telemetry_access_log.logs_written'),
      dropped: counters.get('access_logs.open_telemetry_access_log.logs_dropped'),
      send: (logRecords, onDone) => {
        const request = { resourceLogs: [{ resource, scopeLogs: [{ scope: undefined, logRecords: [...logRecords] }] }] };
        const message = ExportLogsServiceRequest.encode(request).finish();
        callGrpc(runtime(), sink.service, exportPath, message, ({ kind }) => onDone(kind === 'answer'));
      },
    });
    return (exchange) => queue.add(sink.record(exchange));
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

const exportPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

/** Envoy flushes by bytes; measuring each record would cost more than it saves. */
const recordBytesGuess = 256;
const backlogItemsMax = 10_000;
