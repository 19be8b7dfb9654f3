// A command inside of a pod, by the API server's `exec` over a WebSocket: for what only the pod itself knows.
import type { Pod } from '#api/kinds/pod';
import { MeshError } from '#foundation/mesh-error';
import { type HttpAccess, tlsOptions } from '#net/http-access';

const outputBytesMax = 4 * 1024 * 1024;
const timeoutMs = 10_000;
const channel = { stdout: 1, error: 3 } as const;

/** What it writes to its standard output. Throws MeshError EXEC where it fails or the server does not run it. */
export async function outputInPod(api: HttpAccess, { metadata }: Pod, command: readonly string[]): Promise<string> {
  const { WebSocket } = await import('ws');
  const query = new URLSearchParams({ stdout: 'true', stderr: 'true' });
  for (const word of command) query.append('command', word);
  const url = `${api.url.replace(/^http/, 'ws')}/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/exec?${query}`;
  const secure = api.url.startsWith('https:');
  const options = { handshakeTimeout: timeoutMs, ...(secure && tlsOptions(api)) };
  const headers = secure && api.token !== undefined ? { authorization: `Bearer ${api.token}` } : {};
  const failed = (reason: string) => new MeshError('EXEC', `${command[0]} cannot be run in pod ${metadata.name}: ${reason}`);
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'v5.channel.k8s.io', { ...options, headers });
    const output: Buffer[] = [];
    let bytes = 0;
    let status = '';
    socket.on('message', (message: Buffer) => {
      if (message[0] === channel.error) status = message.toString('utf8', 1);
      else if (message[0] === channel.stdout) {
        output.push(message.subarray(1));
        if ((bytes += message.length) > outputBytesMax) socket.terminate();
      }
    });
    socket.on('error', (error) => reject(failed(error.message)));
    socket.on('close', () => {
      const { status: result, message } =
        status === '' ? { status: '', message: 'it did not end' } : (JSON.parse(status) as Record<string, string>);
      if (result === 'Success') resolve(Buffer.concat(output).toString('utf8'));
      else reject(failed(message ?? 'it failed'));
    });
  });
}
