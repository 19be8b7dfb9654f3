// `lateen proxy`: the data plane by itself, from an Envoy's bootstrap or config dump: below another control plane, or with no other.
import { readFileSync } from 'node:fs';
import type { JsonValue } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { StandaloneOptions } from './standalone-proxy.ts';

export interface ProxySurroundings {
  stdout(text: string): void;
  stderr(text: string): void;
  env: Readonly<Record<string, string>>;
  /** Resolves when the user wants it to end. */
  ended(): Promise<void>;
}

interface ProxyCommandOptions extends Omit<StandaloneOptions, 'document' | 'token' | 'env'> {
  config: string;
  tokenFile?: string;
}

export function addProxy(
  program: Command,
  surroundings: ProxySurroundings,
  port: (text: string) => number,
  count: (text: string) => number,
): void {
  program
    .command('proxy')
    .summary('run a proxy by itself, from an Envoy’s configuration')
    .description(
      'Runs the data plane alone, in the place of an Envoy: with the static resources of a bootstrap, below the ADS that it names (Istio’s, or\n' +
        'any that speaks xDS v3 in its delta form), or as a config dump shows it. Stays until Ctrl-C.',
    )
    .requiredOption('-c, --config <file>', 'a bootstrap, or what /config_dump?include_eds says, in YAML or JSON')
    .option('--admin-port <port>', 'of the admin interface, in place of the one that the file names (default: 15000)', port)
    .option('--service-node <id>', 'who it is to the control plane, in place of the file’s node.id')
    .option('--service-cluster <name>', 'the same of node.cluster')
    .option('--concurrency <n>', 'processes that share its ports, 0 for one per processor', count, 1)
    .option('--token-file <file>', 'a token of the service account, for certificates of the mesh from the control plane')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen proxy -c envoy.yaml                         in the place of: envoy -c envoy.yaml
  $ curl -s ADMIN/config_dump?include_eds > dump.json
  $ lateen proxy -c dump.json --admin-port 0           what an Envoy does at this moment, done here`,
    )
    .action(async ({ config, tokenFile, ...options }: ProxyCommandOptions) => {
      const { startStandalone } = await import('./standalone-proxy.ts');
      const { parseYaml } = await import('#codec/yaml/documents');
      const [document] = parseYaml(readText(config));
      const token = tokenFile === undefined ? {} : { token: async () => readText(tokenFile).trim() };
      const { proxy, admin, listening, notes, end } = await startStandalone({
        ...options,
        ...token,
        env: surroundings.env,
        document: document?.value as JsonValue | undefined,
      });
      for (const note of notes) surroundings.stderr(`note: ${note}\n`);
      for (const { name, at } of listening) surroundings.stdout(`${name.padEnd(24)} ${at}\n`);
      surroundings.stdout(`${'admin'.padEnd(24)} http://${admin}\n${'node'.padEnd(24)} ${proxy}\n\nCtrl-C ends it.\n`);
      await surroundings.ended();
      await end();
    });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new MeshError('UNREADABLE', `${file} cannot be read: ${messageOf(thrown)}`);
  }
}
