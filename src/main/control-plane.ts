// The process of the control plane: reads objects from the API server, speaks xDS. Ends with its parent.
import { parseArgs } from 'node:util';
import { readApiRecord } from '#apiserver/api-record';
import { ControlPlane } from '#control/control-plane';
import { defaultMeshConfig } from '#control/mesh/mesh-config';
import { meshKinds } from '#control/sources/mesh-kinds';
import { StoreSource } from '#control/sources/store-source';
import { RefusalKeeper } from '#diagnosis/refusal-keeper';
import { systemClock } from '#foundation/clock';
import { createLogger, type LogLevel } from '#foundation/logger';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import { MeshSigner } from '#identity/certificate-signer';
import { authorityAudience, TokenVerifier } from '#identity/service-account-token';
import { RemoteStore } from '#store/remote-store';
import { readMeshConfigFile, watchMeshConfigFile } from './mesh-config-file.ts';
import { canonicalJson } from './package.ts';

/** To the parent, over the message channel, if there is one. */
export type ControlPlaneReport = { type: 'bound'; xdsPort: number; debugPort: number } | { type: 'failed'; message: string; hint?: string };

function report(message: ControlPlaneReport): void {
  if (process.connected) process.send?.(message, () => {});
}

const { values } = parseArgs({
  options: {
    'api-record': { type: 'string', default: '' },
    'xds-port': { type: 'string', default: '15010' },
    'debug-port': { type: 'string', default: '15014' },
    'token-key': { type: 'string' },
    'mesh-config-file': { type: 'string' },
  },
});

const logger = createLogger({ level: (process.env['LATEEN_LOG_LEVEL'] as LogLevel | undefined) ?? 'info' });
const api = readApiRecord(values['api-record']);
if (api === undefined) {
  const problem = {
    message: `there is no record of an API server at "${values['api-record']}"`,
    hint: 'lateen up writes it, and names it',
  };
  report({ type: 'failed', ...problem });
  logger.error(problem, 'control plane cannot start');
  process.exit(1);
}
const store = new RemoteStore({ api, clock: systemClock });
const meshConfigFile = values['mesh-config-file'];
const refusalKeeper = new RefusalKeeper({ store, clock: systemClock, logger });
const tokenKey = values['token-key'];
let source: StoreSource | undefined;
const controlPlane = new ControlPlane({
  source: {
    start: (handlers) => {
      source = new StoreSource({ store, kinds: meshKinds, clock: systemClock, random: systemRandom, logger }, handlers);
      source.start();
    },
    stop: () => source?.stop(),
  },
  clock: systemClock,
  logger,
  xdsAddress: { host: '127.0.0.1', port: Number(values['xds-port']) },
  debugAddress: { host: '127.0.0.1', port: Number(values['debug-port']) },
  ...(meshConfigFile !== undefined && { meshConfig: readMeshConfigFile(meshConfigFile) }),
  canonicalJson,
  onRefusals: (refusals, objects) => void refusalKeeper.update(refusals, objects),
  ...(tokenKey !== undefined && {
    signer: new MeshSigner({
      store,
      namespace: defaultMeshConfig.rootNamespace,
      tokens: new TokenVerifier(tokenKey, systemClock, authorityAudience),
      clock: systemClock,
    }),
  }),
});

if (meshConfigFile !== undefined) {
  watchMeshConfigFile(meshConfigFile, {
    changed: (config) => {
      logger.info({ file: meshConfigFile }, 'the mesh is configured anew');
      controlPlane.install(config);
    },
    failed: ({ message, hint }) => logger.warn({ error: message, hint }, 'what the mesh was configured with before holds on'),
  });
}

async function end(): Promise<void> {
  await Promise.race([controlPlane.stop(), new Promise((resolve) => systemClock.after(1_000, () => resolve(undefined)))]);
  process.exit(0);
}

process.once('SIGTERM', () => void end());
// Ctrl-C reaches the whole group: the parent decides the order of the end.
process.on('SIGINT', () => {});
process.once('disconnect', () => void end());

try {
  const { xds, debug } = await controlPlane.start();
  report({ type: 'bound', xdsPort: xds.port, debugPort: debug.port });
  logger.info({ xdsPort: xds.port, debugPort: debug.port }, 'control plane serves');
} catch (thrown) {
  const hint = thrown instanceof MeshError ? thrown.hint : undefined;
  report({ type: 'failed', message: messageOf(thrown), ...(hint ? { hint } : {}) });
  logger.error({ error: messageOf(thrown), hint }, 'control plane cannot start');
  process.exitCode = 1;
  await end();
}
