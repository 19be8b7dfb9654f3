// A mesh of so many services, each with two endpoints and a VirtualService of its own: what the benches of the control plane are about.
import type { ApiObject } from '#api/kind';

export const servicePort = 8080;

export const object = (apiVersion: string, kind: string, name: string, fields: object): ApiObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...fields,
});

export const service = (i: number) =>
  object('v1', 'Service', `service-${i}`, {
    spec: { clusterIP: `10.0.${i >> 8}.${i & 255}`, selector: { app: `service-${i}` }, ports: [{ name: 'http', port: servicePort }] },
  });

/** `revision` moves the second endpoint. */
export const slice = (i: number, revision: number): ApiObject => {
  const made = object('discovery.k8s.io/v1', 'EndpointSlice', `service-${i}`, {
    addressType: 'IPv4',
    ports: [{ name: 'http', port: servicePort, protocol: 'TCP' }],
    endpoints: [`10.1.${i >> 8}.${i & 255}`, `10.${2 + (revision % 200)}.${i >> 8}.${i & 255}`].map((address) => ({
      addresses: [address],
      conditions: { ready: true },
    })),
  });
  return { ...made, metadata: { ...made.metadata, labels: { 'kubernetes.io/service-name': `service-${i}` } } };
};

export const virtualService = (i: number, revision: number) =>
  object('networking.istio.io/v1', 'VirtualService', `service-${i}`, {
    spec: { hosts: [`service-${i}`], http: [{ timeout: `${revision + 1}s`, route: [{ destination: { host: `service-${i}` } }] }] },
  });

export function generatedMesh(services: number): ApiObject[] {
  return Array.from({ length: services }, (_, i) => [service(i), slice(i, 0), virtualService(i, 0)]).flat();
}
