// `lateen run`: puts a command of this machine into the mesh, as a version of a service.
import type { Command } from 'commander';
import type { Deployment } from '#api/kinds/deployment';
import { deploymentKind } from '#api/kinds/deployment';
import { type Service, serviceKind } from '#api/kinds/service';
import { MeshError } from '#foundation/mesh-error';
import { applyObject } from '#store/apply';
import type { Session } from '../session.ts';

interface RunOptions {
  service: string;
  serviceVersion: string;
  port: number;
  namespace: string;
  env: string[];
  replicas: number;
  directory: string;
}

export function addRun(program: Command, session: Session, workingDirectory: string): void {
  const collect = (value: string, all: string[]) => [...all, value];
  program
    .command('run')
    .summary('put a command of this machine into the mesh')
    .description(
      'Runs a command as a version of a service, with a proxy beside it. It listens on the port at the address $HOST (or $APP_ADDRESS), and reaches the mesh by HTTP_PROXY; both are in its environment.',
    )
    .requiredOption('--service <name>', 'made where it is not there')
    .requiredOption('--port <port>', 'on which the command listens', portNumber)
    .option('--service-version <label>', 'a label of its pods; --version for short', 'v1')
    .option('-n, --namespace <name>', 'of the service', 'default')
    .option('--env <name=value>', 'of the command (repeatable)', collect, [])
    .option('--replicas <count>', 'how many of it run', count, 1)
    .option('--directory <folder>', 'in which it runs', workingDirectory)
    .argument('<command...>', 'program and arguments, behind --')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen run --service reviews --version v4 --port 9080 -- node server.js
  $ lateen run --service files --port 8000 -- sh -c 'python3 -m http.server 8000 --bind $HOST'`,
    )
    .action(async (command: string[], options: RunOptions) => {
      const deployment = deploymentOf(command, options);
      const { name } = deployment.metadata;
      await session.withStore(async (store) => {
        if (!(await store.get(serviceKind, options.namespace, options.service))) await store.create(serviceOf(options));
        await applyObject(store, deploymentKind, deployment);
      });
      const hint = `see it: lateen get pods -n ${options.namespace}   end it: lateen delete deployment ${name} -n ${options.namespace}`;
      session.context.stdout(`${name} runs in the mesh as version ${options.serviceVersion} of ${options.service}\n${hint}\n`);
    });
}

function serviceOf({ service, namespace, port }: RunOptions): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service, namespace, labels: { app: service } },
    spec: { selector: { app: service }, ports: [{ name: 'http', port, targetPort: port }] },
  };
}

function deploymentOf(
  command: readonly string[],
  { service, serviceVersion: version, namespace, port, env, replicas, directory }: RunOptions,
): Deployment {
  const labels = { app: service, version };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${service}-${version}`, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: service,
              // No image stands behind it: the command is this machine's.
              command: ['env', '-C', directory, ...command],
              ports: [{ containerPort: port }],
              ...(env.length > 0 && { env: env.map(variable) }),
            },
          ],
        },
      },
    },
  };
}

function variable(text: string): { name: string; value: string } {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new MeshError('USAGE', `"${text}" is no variable`, { hint: 'write --env NAME=value' });
  return { name, value };
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new MeshError('USAGE', `"${text}" is not a port`, { hint: '1 to 65535' });
}

function count(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new MeshError('USAGE', `"${text}" is no number of replicas`);
}
