// The programs of the machine by which networks are made: where they are, what is missing, and running them.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { MeshError } from '#foundation/mesh-error';

/** By the package that has it, on Debian and most others. */
const packages = {
  ip: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  setpriv: 'util-linux',
} as const;

export type Tool = keyof typeof packages;

/** Where administrators' programs are, which are not on everybody's path. */
const administratorsFolders: readonly string[] = ['/usr/sbin', '/sbin', '/usr/local/sbin'];
const commandMsMax = 20_000;

export class SystemTools {
  private constructor(private readonly files: Readonly<Record<Tool, string>>) {}

  /** `searchPath`: as PATH has it. Throws MeshError `TOOLS_MISSING`. */
  static find(searchPath: string, further = administratorsFolders): SystemTools {
    const folders = [...searchPath.split(path.delimiter).filter(Boolean), ...further];
    const found = (Object.keys(packages) as Tool[]).map(
      (tool) => [tool, folders.map((each) => path.join(each, tool)).find(isProgram)] as const,
    );
    const missing = found.flatMap(([tool, file]) => (file === undefined ? [tool] : []));
    if (missing.length > 0) {
      const wanted = [...new Set(missing.map((tool) => packages[tool]))];
      throw new MeshError('TOOLS_MISSING', `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not on this machine`, {
        hint: `apt-get install ${wanted.join(' ')}`,
      });
    }
    return new SystemTools(Object.fromEntries(found) as Record<Tool, string>);
  }

  /** The words of a command. */
  command(tool: Tool, ...args: readonly string[]): readonly string[] {
    return [this.files[tool], ...args];
  }

  /** Resolves to what it printed. Rejects with MeshError `NETWORK_COMMAND`, with what it said. */
  run([program = '', ...args]: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = execFile(program, args, { timeout: commandMsMax, killSignal: 'SIGKILL', env: {} }, (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const said = stderr.trim().split('\n')[0] || error.message;
        reject(new MeshError('NETWORK_COMMAND', `${[path.basename(program), ...args].join(' ')}: ${said}`, { cause: error }));
      });
      // It may end without reading.
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
