// `lateen version`: ours, and that of the mesh that answers.
import { type Command, Option } from 'commander';
import { below } from '#net/http-access';
import { getJson } from '../http-json.ts';
import { asJson } from '../output.ts';
import type { Session } from '../session.ts';

export function addVersion(program: Command, session: Session): void {
  program
    .command('version')
    .summary('show the versions of this program and of the running mesh')
    .addOption(new Option('-o, --output <format>', 'how to show them').choices(['yaml', 'json']))
    .action(async (options: { output?: 'yaml' | 'json' }) => {
      const { context } = session;
      const api = await session.api();
      const server = await getJson(below(api, '/version'), 'the API server').catch(() => undefined);
      const { gitVersion } = (server ?? {}) as { gitVersion?: string };
      const versions = { clientVersion: context.version, ...(gitVersion !== undefined && { serverVersion: gitVersion }) };
      if (options.output === 'json') context.stdout(asJson(versions));
      else if (options.output === 'yaml') context.stdout((await import('../yaml-output.ts')).asYaml(versions));
      else context.stdout(`client version: ${context.version}\nserver version: ${gitVersion ?? `none: no mesh answers at ${api.url}`}\n`);
    });
}
