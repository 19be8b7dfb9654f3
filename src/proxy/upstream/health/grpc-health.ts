// The messages of gRPC's health checks, framed as gRPC frames them. Pure.
import * as health from '#codec/protobuf/grpc-health';

export function healthRequest(service: string): Buffer {
  const message = health.healthRequest(service);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

export function isServing(frame: Buffer): boolean {
  return frame[0] === 0 && health.isServing(frame.subarray(5));
}
