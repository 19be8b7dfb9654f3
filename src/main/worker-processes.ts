// The worker processes of the proxies' process: started when a proxy wants one, and again when one ends.
import { fileURLToPath } from 'node:url';
import { systemClock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import { SupervisedProcess } from '#host/process';
import type { WorkerReport } from '#proxy/workers/messages';
import { WorkerPool } from '#proxy/workers/worker-pool';
import { dist } from './package.ts';

const stopMsMax = 1_000;

export function workerProcesses(env: Readonly<Record<string, string>>, logger: Logger): WorkerPool {
  return new WorkerPool((events) => {
    const worker = new SupervisedProcess(
      {
        command: () => [process.execPath, ...process.execArgv, fileURLToPath(new URL('main/proxy-worker.js', dist))],
        env,
        // What it says stands among what this process says.
        logFile: '/dev/stderr',
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
  });
}
