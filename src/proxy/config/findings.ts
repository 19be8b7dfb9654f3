// Collects what is wrong with a resource while it is decoded, so that a NACK names everything at once.
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import type { Duration } from '#codec/protobuf/generated/google/protobuf/duration';

export class Findings {
  readonly list: string[] = [];

  /** `field` as a path within the resource: `virtual_hosts[0].routes[2].match`. */
  report(field: string, message: string): void {
    this.list.push(field === '' ? message : `${field}: ${message}`);
  }

  /** Runs a decoder that may throw (a message of protobuf, a regular expression); what it throws becomes a finding. */
  attempt<T>(field: string, decode: () => T): T | undefined {
    try {
      return decode();
    } catch (thrown) {
      this.report(field, thrown instanceof Error ? thrown.message : String(thrown));
      return undefined;
    }
  }
}

/** The outcome of decoding one resource. */
export type Decoded<T> = { ok: true; value: T } | { ok: false; findings: readonly string[] };

/** Runs `decode` with fresh findings: a value with none is good, whatever else is refused. */
export function decoding<T>(decode: (findings: Findings) => T | undefined): Decoded<T> {
  const findings = new Findings();
  const value = findings.attempt('', () => decode(findings));
  if (value === undefined || findings.list.length > 0) {
    return { ok: false, findings: findings.list.length > 0 ? findings.list : ['cannot be decoded'] };
  }
  return { ok: true, value };
}

/** Milliseconds; `otherwise` when the field is absent. */
export function milliseconds(duration: Duration | undefined, otherwise: number): number {
  return duration === undefined ? otherwise : duration.seconds * 1000 + duration.nanos / 1_000_000;
}

/** `type.googleapis.com/a.b.C` -> `a.b.C`. */
export function messageName(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
}
