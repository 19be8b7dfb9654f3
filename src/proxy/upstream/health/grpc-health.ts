// The messages of gRPC's health checks (grpc.health.v1), framed as gRPC frames them. Pure.

/** `HealthCheckRequest { service }`. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service.slice(0, 127));
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** Whether a framed `HealthCheckResponse` says SERVING, which is 1. */
export function isServing(frame: Buffer): boolean {
  return frame.length >= 7 && frame[0] === 0 && frame[5] === 0x08 && frame[6] === 1;
}
