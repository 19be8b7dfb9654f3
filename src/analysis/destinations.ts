// Every destination that a VirtualService names, with its field.
import type { Destination, VirtualService } from '#api/kinds/virtual-service';

export function* destinationsOf({ spec }: VirtualService): Iterable<{ destination: Destination; field: string }> {
  for (const [index, rule] of (spec.http ?? []).entries()) {
    const at = `spec.http[${index}]`;
    for (const [position, { destination }] of (rule.route ?? []).entries())
      yield { destination, field: `${at}.route[${position}].destination` };
    if (rule.mirror) yield { destination: rule.mirror, field: `${at}.mirror` };
    for (const [position, { destination }] of (rule.mirrors ?? []).entries())
      yield { destination, field: `${at}.mirrors[${position}].destination` };
  }
  for (const protocol of ['tcp', 'tls'] as const) {
    for (const [index, rule] of (spec[protocol] ?? []).entries()) {
      for (const [position, { destination }] of (rule.route ?? []).entries()) {
        yield { destination, field: `spec.${protocol}[${index}].route[${position}].destination` };
      }
    }
  }
}
