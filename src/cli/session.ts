// One run of the program: what it was given, the store that it talks to, and whether it succeeded.
import type { Command } from 'commander';
import type { HttpAccess } from '#net/http-access';
import type { RemoteStore } from '#store/remote-store';
import type { CliContext, GlobalOptions } from './context.ts';
import { writeWarning } from './message.ts';

export class Session {
  /** 0: all went well; 1, or a command's own status: something did not. */
  exitCode = 0;

  constructor(
    readonly context: CliContext,
    private readonly program: Command,
  ) {}

  options(): GlobalOptions {
    return this.program.opts<GlobalOptions>();
  }

  /** The command goes on, and ends with a failure. */
  fail(exitCode = 1): void {
    this.exitCode = exitCode;
  }

  /**
   * The API server that is meant: of --kubeconfig, else of the mesh of this machine, at --api-url. Throws MeshError KUBECONFIG where the
   * file is of no use.
   */
  async api(): Promise<HttpAccess> {
    const { apiUrl, kubeconfig = this.context.kubeconfig } = this.options();
    if (kubeconfig !== undefined) {
      const { readKubeconfig } = await import('./kubeconfig.ts');
      const access = await readKubeconfig(kubeconfig);
      return { ...access, url: apiUrl ?? access.url };
    }
    const url = apiUrl ?? this.context.apiUrl;
    return this.context.apiAt?.(url) ?? { url };
  }

  /** Warnings of the API server are written as they come. */
  async withStore<T>(use: (store: RemoteStore) => Promise<T>): Promise<T> {
    const { RemoteStore } = await import('#store/remote-store');
    const { clock } = this.context;
    const warning = (message: string) => writeWarning(this.context, message);
    const store = new RemoteStore({ api: await this.api(), clock, warning });
    try {
      return await use(store);
    } finally {
      store.close();
    }
  }
}
