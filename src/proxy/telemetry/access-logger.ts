// Writes a line, or sends a record, per finished exchange, as the listener's or the connection manager's access_log asks.
import { Node } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { StreamAccessLogsMessage } from '#codec/protobuf/generated/envoy/service/accesslog/v3/als';
import { ExportLogsServiceRequest, type LogRecord } from '#codec/protobuf/generated/opentelemetry/proto/export/export';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import type { Random } from '#foundation/random';
import type { AccessLogConfig, AlsEntry, AlsSink, FileSink, OtlpSink } from '#proxy/config/access-log';
import type { ExchangeListener, ProxiedExchange, ProxyRuntime } from '#proxy/runtime';
import { callGrpc } from '#proxy/upstream/grpc-call';
import { textAttribute } from '#telemetry/otlp';
import { ExportQueue } from './export-queue.ts';
import { LogFile } from './log-file.ts';

export interface AccessLoggerOptions {
  clock: Clock;
  random: Random;
  logger: Logger;
  /** The file that stands for the proxy's own stdout and stderr (a pod's proxies share one process); undefined: the process's. */
  standardOutput: string | undefined;
  /** Asked when the first collector is: it is made after the loggers. */
  runtime: () => ProxyRuntime;
}

/** Access loggers of one proxy; files are shared between loggers of the same path. */
export class AccessLoggers {
  private readonly files = new Map<string | undefined, LogFile>();

  constructor(private readonly options: AccessLoggerOptions) {}

  create({ filter, sink }: AccessLogConfig): ExchangeListener {
    const log = this.logger(sink);
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

  private logger(sink: AccessLogConfig['sink']): (exchange: ProxiedExchange) => void {
    switch (sink.kind) {
      case 'file':
        return this.fileLogger(sink);
      case 'otlp':
        return this.otlpLogger(sink);
      case 'als':
        return this.alsLogger(sink);
    }
  }

  private fileLogger({ path, format }: FileSink): (exchange: ProxiedExchange) => void {
    const file = this.file(path ?? this.options.standardOutput);
    return (exchange) => file.write(format(exchange));
  }

  private otlpLogger(sink: OtlpSink): (exchange: ProxiedExchange) => void {
    const { node } = this.options.runtime();
    const labels = { log_name: sink.logName, zone_name: '', cluster_name: node.cluster, node_name: node.id };
    const builtin = sink.labelled ? Object.entries(labels).map(([key, value]) => textAttribute(key, value)) : [];
    const resource = { attributes: [...builtin, ...sink.resource] };
    const queue = this.queue<LogRecord>(sink, 'open_telemetry_access_log', exportPath, (logRecords) =>
      ExportLogsServiceRequest.encode({
        resourceLogs: [{ resource, scopeLogs: [{ scope: undefined, logRecords: [...logRecords] }] }],
      }).finish(),
    );
    return (exchange) => queue.add(sink.record(exchange));
  }

  /** Each batch is a stream of its own, which begins with who sends it; of one logger all entries are of one kind. */
  private alsLogger(sink: AlsSink): (exchange: ProxiedExchange) => void {
    const { node } = this.options.runtime();
    const identifier = { node: Node.fromPartial({ id: node.id, cluster: node.cluster }), logName: sink.logName };
    const queue = this.queue<AlsEntry>(sink, 'grpc_access_log', streamPath, (entries) =>
      StreamAccessLogsMessage.encode({ identifier, logEntries: logEntriesOf(entries) }).finish(),
    );
    return (exchange) => queue.add(sink.entry(exchange));
  }

  private queue<Item>(
    { service, flushIntervalMs, batchBytesMax }: OtlpSink | AlsSink,
    counted: string,
    path: string,
    encode: (items: readonly Item[]) => Uint8Array,
  ): ExportQueue<Item> {
    const { runtime } = this.options;
    const { timers, counters } = runtime();
    return new ExportQueue<Item>({
      timers,
      flushIntervalMs,
      batchItemsMin: Math.max(1, Math.floor(batchBytesMax / recordBytesGuess)),
      backlogItemsMax,
      sent: counters.get(`access_logs.${counted}.logs_written`),
      dropped: counters.get(`access_logs.${counted}.logs_dropped`),
      send: (items, onDone) => void callGrpc(runtime(), service, path, encode(items), ({ kind }) => onDone(kind === 'answer')),
    });
  }

  private file(path: string | undefined): LogFile {
    let file = this.files.get(path);
    if (file === undefined) {
      file = new LogFile(path, this.options.clock, this.options.logger);
      this.files.set(path, file);
    }
    return file;
  }
}

const streamPath = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
const exportPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

/** Envoy flushes by bytes; measuring each record would cost more than it saves. */
const recordBytesGuess = 256;
const backlogItemsMax = 10_000;

function logEntriesOf(entries: readonly AlsEntry[]): StreamAccessLogsMessage['logEntries'] {
  const http = entries.flatMap((each) => (each.kind === 'http' ? [each.entry] : []));
  if (http.length > 0) return { $case: 'httpLogs', value: { logEntry: http } };
  return { $case: 'tcpLogs', value: { logEntry: entries.flatMap((each) => (each.kind === 'tcp' ? [each.entry] : [])) } };
}
