// One question to a container's program: a probe of Kubernetes, or, without one, whether its ports accept connections.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { healthCheckPath, healthRequest, isServing } from '#codec/protobuf/grpc-health';
import type { PodNetwork } from './capture/pod-network.ts';
import type { Container } from './container.ts';

export type Probe = NonNullable<Container['readinessProbe']>;

/** How a pod's program is reached. */
export interface Probed {
  container: Container;
  at: PodNetwork['probe'];
  wallMs(): number;
  /** Runs a command beside the program, and gives its exit code. */
  exec(command: readonly string[], timeoutMs: number): Promise<number>;
}

const connectMsMax = 1_000;

/** Resolves, never rejects. */
export async function portsAccept({ container, at }: Probed): Promise<boolean> {
  const ports = (container.ports ?? []).filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
  const answers = await Promise.all(ports.map(({ containerPort }) => accepts({ ...at, port: containerPort }, connectMsMax)));
  return answers.every(Boolean);
}

/** Resolves, never rejects; a probe of a kind that is not known succeeds. */
export async function ask(probe: Probe, { container, at, exec, wallMs }: Probed): Promise<boolean> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const { httpGet, tcpSocket, grpc, exec: command } = probe;
  const place = (port: number | string, host?: string) => ({ ...(host ? { host } : at), port: portOf(port, container) });
  if (httpGet) return httpAnswers(place(httpGet.port, httpGet.host), httpGet, timeoutMs);
  if (tcpSocket) return accepts(place(tcpSocket.port, tcpSocket.host), timeoutMs);
  if (grpc) return grpcServes(place(grpc.port), grpc.service ?? '', wallMs() + timeoutMs);
  if (command) return (await exec(command.command ?? [], timeoutMs)) === 0;
  return true;
}

interface Place {
  host: string;
  localAddress?: string;
  port: number;
}

function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? 0;
}

function accepts(place: Place, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(place);
    const finish = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** 200 to 399; a certificate is not checked, and a redirect not followed, as Kubernetes does. */
function httpAnswers(
  place: Place,
  { path = '/', scheme, httpHeaders = [] }: NonNullable<Probe['httpGet']>,
  timeoutMs: number,
): Promise<boolean> {
  const headers = Object.fromEntries(httpHeaders.map(({ name, value = '' }) => [name, value]));
  const options = { ...place, path, headers, agent: false as const, timeout: timeoutMs };
  return new Promise((resolve) => {
    const answered = (response: http.IncomingMessage) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 400);
    };
    const request = scheme === 'HTTPS' ? https.get({ ...options, rejectUnauthorized: false }, answered) : http.get(options, answered);
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}

/** Of the server or of one of its services. */
async function grpcServes({ host, port }: Place, service: string, deadline: number): Promise<boolean> {
  const { Client, credentials } = await import('@grpc/grpc-js');
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(healthCheckPath, asIs, asIs, healthRequest(service), { deadline }, (error, answer) =>
        resolve(!error && answer !== undefined && isServing(answer)),
      );
    });
  } finally {
    client.close();
  }
}
