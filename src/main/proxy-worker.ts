// A process that serves with the listening sockets of the proxies' process beside it, told by it over the message channel. Ends with it.

import { systemClock } from '#foundation/clock';
import { createLogger, type LogLevel } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import type { ListeningHandle } from '#net/handed-sockets';
import { DecodeCache } from '#proxy/config/decode-cache';
import type { WorkerCommand, WorkerReport } from '#proxy/workers/messages';
import { ProxyWorker } from '#proxy/workers/proxy-worker';
import { proxyNetworks, redirectedNetwork } from './proxy-network.ts';

const logger = createLogger({ level: (process.env['LATEEN_LOG_LEVEL'] as LogLevel | undefined) ?? 'info' });
const send = (report: WorkerReport) => {
  if (process.connected) process.send?.(report, undefined, undefined, () => {});
};
const networkOf = proxyNetworks();
const worker = new ProxyWorker({
  clock: systemClock,
  random: systemRandom,
  logger,
  decodings: new DecodeCache(),
  networkOf: async (bootstrap) => (bootstrap.redirected ? redirectedNetwork() : networkOf(bootstrap)),
  send,
});

process.on('message', (command: WorkerCommand, socket: unknown) => void worker.receive(command, socket as ListeningHandle | undefined));
// The first process says when to drain, and is there as long as this one is to serve.
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit(0));
process.on('unhandledRejection', (reason) => logger.error({ error: messageOf(reason) }, 'unhandled rejection'));
send({ type: 'up' });
