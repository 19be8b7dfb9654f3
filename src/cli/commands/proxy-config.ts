// `lateen proxy-config`: what a proxy holds, ours or an Envoy whose config dump is in a file, as istioctl shows it.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ProxyConfigOptions, SectionName } from '../proxy-config/run.ts';
import type { Session } from '../session.ts';

type Flag = readonly [flags: string, description: string];

const flags = {
  fqdn: ['--fqdn <name>', 'with this in the service’s name'],
  port: ['--port <port>', 'of this port'],
  direction: ['--direction <direction>', 'inbound or outbound'],
  subset: ['--subset <name>', 'of this subset of a DestinationRule'],
  name: ['--name <name>', 'of this name'],
  type: ['--type <type>', 'HTTP, TCP, HTTP+TCP or UNKNOWN'],
  address: ['--address <address>', 'of this address'],
  status: ['--status <status>', 'of this health: healthy, unhealthy, draining …'],
  cluster: ['--cluster <name>', 'of this cluster'],
} as const satisfies Record<string, Flag>;

interface SectionCommand {
  name: SectionName | 'all';
  aliases: readonly string[];
  summary: string;
  filters: readonly (keyof typeof flags)[];
}

const sectionCommands: readonly SectionCommand[] = [
  { name: 'bootstrap', aliases: ['b'], summary: 'who the proxy is and what it started with', filters: [] },
  {
    name: 'cluster',
    aliases: ['clusters', 'c'],
    summary: 'what it may send to',
    filters: ['fqdn', 'port', 'direction', 'subset'],
  },
  {
    name: 'endpoint',
    aliases: ['endpoints', 'ep'],
    summary: 'the addresses behind its clusters, and how they are',
    filters: ['address', 'port', 'cluster', 'status'],
  },
  { name: 'listener', aliases: ['listeners', 'l'], summary: 'where it listens', filters: ['address', 'port', 'type'] },
  { name: 'route', aliases: ['routes', 'r'], summary: 'where its requests go', filters: ['name'] },
  { name: 'secret', aliases: ['secrets', 's'], summary: 'its certificates', filters: [] },
  {
    name: 'all',
    aliases: ['a'],
    summary: 'everything',
    filters: ['fqdn', 'port', 'direction', 'subset', 'name', 'type', 'address', 'status', 'cluster'],
  },
];

export function addProxyConfig(program: Command, session: Session): void {
  const group = program
    .command('proxy-config')
    .alias('pc')
    .summary('show what a proxy holds')
    .description('Shows the configuration that a proxy of the running mesh holds, or that an Envoy’s config dump in a file does.')
    .addHelpText(
      'after',
      `
Examples:
  $ lateen proxy-config cluster productpage-v1 --fqdn reviews
  $ lateen pc route reviews-v1-7d4f.default -o yaml
  $ lateen pc listener --file dump.json              of any Envoy: curl ADMIN/config_dump?include_eds > dump.json
  $ lateen pc log ratings-v1 --level debug`,
    );
  for (const section of sectionCommands) addSection(group, section, session);
  addLog(group, session);
}

function addSection(group: Command, { name, aliases, summary, filters }: SectionCommand, session: Session): void {
  const command = ofPod(group.command(name))
    .aliases(aliases)
    .summary(summary)
    .argument('[pod]', 'POD[.NAMESPACE], or deployment/NAME')
    .addOption(
      new Option('-o, --output <format>', 'how to show it')
        .choices(['short', 'json', 'yaml'])
        .default(name === 'bootstrap' ? 'json' : 'short'),
    )
    .option('-f, --file <dump>', 'of this config dump in JSON (- for standard input) instead of a running proxy');
  for (const filter of filters) {
    const [words, description]: Flag = flags[filter];
    command.option(words, description);
  }
  command.action(async (pod: string | undefined, options: ProxyConfigOptions) => {
    const { showProxyConfig } = await import('../proxy-config/run.ts');
    await showProxyConfig(session, name, pod, options);
  });
}

function addLog(group: Command, session: Session): void {
  ofPod(group.command('log'))
    .alias('o')
    .summary('the levels of its loggers; sets them')
    .argument('<pod>', 'POD[.NAMESPACE], or deployment/NAME')
    .option('--level <levels>', 'LEVEL, or LOGGER:LEVEL with commas between them: trace, debug, info, warning, error, critical, off')
    .option('-r, --reset', 'back to warning')
    .action(async (pod: string, options) => {
      const { showLogLevels } = await import('../proxy-config/run.ts');
      await showLogLevels(session, pod, options);
    });
}

function ofPod(command: Command): Command {
  return command
    .option('-n, --namespace <name>', 'of the pod', 'default')
    .option('--proxy-admin-port <port>', 'of its admin interface', port, 15_000);
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 65_535) return value;
  throw new InvalidArgumentError('It is a number from 1 to 65535.');
}
