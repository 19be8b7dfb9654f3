// Puts a command of this machine into the mesh: a Deployment of one container that is the command, and a Service where there is none.
import { type Deployment, deploymentKind } from '#api/kinds/deployment';
import { type Service, serviceKind } from '#api/kinds/service';
import { MeshError } from '#foundation/mesh-error';
import { applyObject } from '#store/apply';
import type { Session } from './session.ts';

export interface RunOptions {
  service: string;
  serviceVersion: string;
  port: number;
  namespace: string;
  env: string[];
  replicas: number;
  directory: string;
}

export async function runCommand(session: Session, command: readonly string[], options: RunOptions): Promise<void> {
  const deployment = deploymentOf(command, options);
  const { name } = deployment.metadata;
  await session.withStore(async (store) => {
    if (!(await store.get(serviceKind, options.namespace, options.service))) await store.create(serviceOf(options));
    await applyObject(store, deploymentKind, deployment);
  });
  const hint = `see it: lateen get pods -n ${options.namespace}   end it: lateen delete deployment ${name} -n ${options.namespace}`;
  session.context.stdout(`${name} runs in the mesh as version ${options.serviceVersion} of ${options.service}\n${hint}\n`);
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
