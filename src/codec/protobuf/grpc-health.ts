// The messages of gRPC's health checks, grpc.health.v1.Health/Check. Pure.

export const healthCheckPath = '/grpc.health.v1.Health/Check';

/** `HealthCheckRequest { service }`; empty: of the server. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service.slice(0, 127));
  return name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
}

/** Whether a `HealthCheckResponse` says SERVING, which is 1. */
export function isServing(response: Uint8Array): boolean {
  return response.length >= 2 && response[0] === 0x08 && response[1] === 1;
}
