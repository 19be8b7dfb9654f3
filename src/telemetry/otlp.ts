// The forms that OpenTelemetry's protocol wants common things in. Pure.
import type { KeyValue } from '#codec/protobuf/generated/opentelemetry/proto/common/v1/common';

export function textAttribute(key: string, value: string): KeyValue {
  return { key, value: { value: { $case: 'stringValue', value } } };
}

/** Unix time. As exact as a double is: to a quarter of a microsecond. */
export function nanoseconds(wallMs: number): number {
  return wallMs * 1_000_000;
}

export function hexBytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
