// Whether a container takes requests: its readiness probe, else that its ports accept connections.
import http from 'node:http';
import net from 'node:net';
import type { PodNetwork } from './capture/pod-network.ts';
import type { Container } from './container.ts';

const connectMsMax = 1_000;

/** Resolves, never rejects. */
export async function isContainerReady(container: Container, at: PodNetwork['probe']): Promise<boolean> {
  const probe = container.readinessProbe;
  if (probe?.httpGet !== undefined) return httpAnswers(at, portOf(probe.httpGet.port, container), probe.httpGet.path ?? '/');
  if (probe?.tcpSocket !== undefined) return accepts(at, portOf(probe.tcpSocket.port, container));
  const ports = (container.ports ?? []).filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
  const answers = await Promise.all(ports.map(({ containerPort }) => accepts(at, containerPort)));
  return answers.every(Boolean);
}

function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? 0;
}

function accepts(at: PodNetwork['probe'], port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...at, port });
    const finish = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(connectMsMax, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

function httpAnswers(at: PodNetwork['probe'], port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ ...at, port, path, agent: false, timeout: connectMsMax }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 400);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}
