// Capture without root: `lateen up` starts itself again inside of a user namespace, where it is root over networks of its own, and stays
// outside as the bridge: the ports that people use are opened here, and handed to the one inside; connections that leave its networks are
// handed out, and names of the world asked here. What is inside ends with this process.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import type { Forwarder } from '#dns/forwarder';
import type { Question, Reply } from '#dns/message';
import { messageOf } from '#foundation/mesh-error';
import type { RefusedMode } from '#host/capture/capture-mode';
import { ConnectionRelay, type WayOut } from '#host/capture/connection-relay';
import type { SystemTools } from '#host/capture/system-tools';
import type { NetworkAddress } from '#net/network';
import { listenFailure } from '#net/port-owner';

/** From the one inside to the one outside. */
export type InsideReport =
  /** Whether it can be there at all. */
  | { type: 'inside' }
  | { type: 'refused'; refused: RefusedMode }
  /** With a connection that leaves. */
  | { type: 'lead'; to: NetworkAddress }
  /** A port of the machine that is to be opened and handed in. */
  | { type: 'publish'; port: number }
  /** The same for datagrams. */
  | { type: 'bind'; port: number }
  | { type: 'ask'; id: number; question: Question };
export type OutsideMessage =
  /** With its server. */
  | { type: 'port'; port: number }
  | { type: 'port refused'; port: number; why: string }
  /** With its socket. */
  | { type: 'bound'; port: number }
  | { type: 'bind refused'; port: number; why: string }
  | { type: 'reply'; id: number; reply: Reply };

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
  /** Of names that are not of the mesh. */
  forwarder: Pick<Forwarder, 'ask'>;
}

/**
 * Resolves when the one inside has ended, or has found that there can be no networks there; then nothing of it is left. Throws
 * MeshError where a port is taken.
 */
export async function runInUserNamespace(options: UserNamespaceOptions): Promise<UserNamespaceOutcome> {
  const { tools, command, env, ports, further, forwarder } = options;
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
    const child = spawn(program, args, {
      env: { ...env, [insideVariable]: '1' },
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      // Records of names have bytes in them.
      serialization: 'advanced',
      // A group of its own: it hears of Ctrl-C from us alone, and as often as we do.
      detached: true,
    });
    return await follow(child, [...servers.values()], forwarder);
  } finally {
    for (const server of servers.values()) server.close();
  }
}

function follow(child: ChildProcess, servers: readonly Server[], forwarder: Pick<Forwarder, 'ask'>): Promise<UserNamespaceOutcome> {
  let refused: RefusedMode | undefined;
  let inside = false;
  const relay = new ConnectionRelay();
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;
  for (const signal of signals) process.on(signal, passOn);
  return new Promise<UserNamespaceOutcome>((resolve) => {
    child.on('message', (message: InsideReport, socket) => {
      switch (message.type) {
        case 'refused':
          refused = message.refused;
          return;
        case 'inside':
          inside = true;
          for (const server of servers) hand(child, server);
          return;
        case 'lead':
          // Without one the connection has ended on its way here.
          if (socket) relay.lead(socket as Socket, message.to);
          return;
        case 'publish':
          void publish(child, message.port);
          return;
        case 'bind':
          void bind(child, message.port, relay);
          return;
        case 'ask':
          void forwarder.ask(message.question).then((reply) => tell(child, { type: 'reply', id: message.id, reply }));
      }
    });
    const end = (code: number, why: string): void => {
      const unknown: RefusedMode = { mode: 'user', why: `no user namespace can be made here${why}`, hint: userNamespaceHint };
      resolve(inside ? { kind: 'ended', code } : { kind: 'refused', refused: refused ?? unknown });
    };
    child.once('error', (error) => end(1, `: ${error.message}`));
    child.once('exit', (code, signal) => end(code ?? (signal === null ? 1 : 130), ''));
  }).finally(() => {
    for (const signal of signals) process.off(signal, passOn);
  });
}

const userNamespaceHint =
  'the kernel may forbid it: see sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns';

async function publish(child: ChildProcess, port: number): Promise<void> {
  try {
    hand(child, await listen(port));
  } catch (thrown) {
    tell(child, { type: 'port refused', port, why: messageOf(thrown) });
  }
}

async function bind(child: ChildProcess, port: number, way: Pick<WayOut, 'bind'>): Promise<void> {
  try {
    const socket = await way.bind(port);
    if (child.connected) child.send({ type: 'bound', port } satisfies OutsideMessage, socket, () => socket.close());
    else socket.close();
  } catch (thrown) {
    tell(child, { type: 'bind refused', port, why: messageOf(thrown) });
  }
}

/** The one inside accepts from now on; connections that came before it was there wait in the socket. */
function hand(child: ChildProcess, server: Server): void {
  tell(child, { type: 'port', port: portOf(server) }, server);
}

function tell(child: ChildProcess, message: OutsideMessage, server?: Server): void {
  if (child.connected) child.send(message, server, () => server?.close());
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
