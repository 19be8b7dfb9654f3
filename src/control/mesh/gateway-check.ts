// What a Gateway asks for that the control plane does not do yet: said, not guessed.
import type { Gateway } from '#api/kinds/gateway';
import { originOf } from '#api/origin';
import { declaredProtocol } from './protocol.ts';
import type { MeshProblem } from './snapshot.ts';

/** Undefined when there is nothing to say. */
export function gatewayProblems(gateway: Gateway): MeshProblem[] | undefined {
  const { metadata, spec } = gateway;
  const problems: MeshProblem[] = [];
  for (const [i, server] of (spec.servers ?? []).entries()) {
    const protocol = declaredProtocol(server.port.protocol, server.port.name);
    const encrypted = protocol === 'https' || protocol === 'tls';
    if (encrypted ? server.tls?.mode === 'PASSTHROUGH' : !server.tls) continue;
    const field = `spec.servers[${i}]`;
    const origin = originOf(gateway, field);
    problems.push({
      level: 'warning',
      code: 'NOT_YET_IN_EFFECT',
      object: `Gateway ${metadata.namespace ?? 'default'}/${metadata.name}`,
      message: `TLS does not end at gateways yet: port ${server.port.number} (${server.port.protocol}) stays closed`,
      field,
      ...(origin && { origin }),
    });
  }
  return problems.length > 0 ? problems : undefined;
}
