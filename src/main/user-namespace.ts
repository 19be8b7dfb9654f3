// Capture without root: `lateen up` starts itself again inside of a user namespace, where it is root over networks of its own, and stays
// outside as the bridge: the ports that people use are opened here, and handed to the one inside. What is inside ends with this process.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import type { RefusedMode } from '#host/capture/capture-mode';
import type { SystemTools } from '#host/capture/system-tools';
import { listenFailure } from '#net/port-owner';

/** From the one inside to the one outside: whether it can be there at all. */
export type InsideReport = { type: 'inside' } | { type: 'refused'; refused: RefusedMode };
/** With the port's server as its handle. */
export type OutsideMessage = { type: 'port'; port: number };

export type UserNamespaceOutcome = { kind: 'ended'; code: number } | { kind: 'refused'; refused: RefusedMode };

/** In the environment of the one inside. */
export const insideVariable = 'LATEEN_INSIDE_USER_NAMESPACE';

const loopback = '127.0.0.1';

export interface UserNamespaceOptions {
  tools: SystemTools;
  /** Of this process: the program, its options and its arguments. */
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  /** By the option that says it; 0: any free one. */
  ports: Readonly<Record<string, number>>;
  /** What the one inside is told beside that. */
  further: readonly string[];
}

/**
 * Resolves when the one inside has ended, or has found that there can be no networks there; then nothing of it is left. Throws
 * MeshError where a port is taken.
 */
export async function runInUserNamespace({ tools, command, env, ports, further }: UserNamespaceOptions): Promise<UserNamespaceOutcome> {
  const servers = new Map<string, Server>();
  try {
    for (const [option, port] of Object.entries(ports)) servers.set(option, await listen(port));
    const settled = [...servers].flatMap(([option, server]) => [option, String(portOf(server))]);
    // The death signal is asked for inside: it does not survive the change of credentials.
    const inner = tools.command('unshare', '--user', '--map-root-user', '--net', '--mount', '--');
    const [program = '', ...args] = [
      ...inner,
      ...tools.command('setpriv', '--pdeathsig', 'KILL', '--'),
      ...command,
      ...settled,
      ...further,
    ];
    const child = spawn(program, args, { env: { ...env, [insideVariable]: '1' }, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    return await follow(child, [...servers.values()]);
  } finally {
    for (const server of servers.values()) server.close();
  }
}

function follow(child: ChildProcess, servers: readonly Server[]): Promise<UserNamespaceOutcome> {
  let refused: RefusedMode | undefined;
  let inside = false;
  // Ctrl-C reaches the whole group; the one inside decides what it means.
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  const ignore = () => {};
  process.on('SIGINT', ignore);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, passOn);
  return new Promise<UserNamespaceOutcome>((resolve) => {
    child.on('message', (message: InsideReport) => {
      if (message.type === 'refused') {
        refused = message.refused;
        return;
      }
      inside = true;
      for (const server of servers) hand(child, server);
    });
    const end = (code: number, why: string): void => {
      const unknown: RefusedMode = { mode: 'user', why: `no user namespace can be made here${why}`, hint: userNamespaceHint };
      resolve(inside ? { kind: 'ended', code } : { kind: 'refused', refused: refused ?? unknown });
    };
    child.once('error', (error) => end(1, `: ${error.message}`));
    child.once('exit', (code, signal) => end(code ?? (signal === null ? 1 : 130), ''));
  }).finally(() => {
    process.off('SIGINT', ignore);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.off(signal, passOn);
  });
}

const userNamespaceHint =
  'the kernel may forbid it: see sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns';

/** The one inside accepts from now on; connections that came before it was there wait in the socket. */
function hand(child: ChildProcess, server: Server): void {
  const message: OutsideMessage = { type: 'port', port: portOf(server) };
  child.send(message, server, () => server.close());
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => listenFailure('lateen up', { host: loopback, port }, cause).then(reject, reject));
    server.listen({ host: loopback, port }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
