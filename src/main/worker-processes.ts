// The worker processes of the proxies' process: started when a proxy wants one, and again when one ends.
import { fileURLToPath } from 'node:url';
import { systemClock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import { SupervisedProcess } from '#host/process';
import type { WorkerReport } from '#proxy/workers/messages';
import { SharedRows } from '#proxy/workers/shared-rows';
import { WorkerPool, type WorkerProcess, type WorkerProcessEvents } from '#proxy/workers/worker-pool';
import { dist } from './package.ts';

const stopMsMax = 1_000;

export function workerProcesses(env: Readonly<Record<string, string>>, logger: Logger): WorkerPool {
  const start = (events: WorkerProcessEvents): WorkerProcess => {
    const worker = new SupervisedProcess(
      {
        command: () => [process.execPath, ...process.execArgv, fileURLToPath(new URL('main/proxy-worker.js', dist))],
        env,
        channel: true,
      },
      {
        clock: systemClock,
        random: systemRandom,
        stopMsMax,
        events: {
          started: (pid) => logger.debug({ pid }, 'worker started'),
          ended: (exit, retryMs) => {
            logger.warn({ ...exit, retryMs }, 'worker ended unexpectedly');
            events.ended();
          },
          message: (report) => events.report(report as WorkerReport),
        },
      },
    );
    worker.start();
    return {
      send: (command, socket) => worker.send(command, socket, { shared: true }),
      stop: () => void worker.stop(),
    };
  };
  return new WorkerPool(start, new SharedRows({ clock: systemClock, logger }));
}
