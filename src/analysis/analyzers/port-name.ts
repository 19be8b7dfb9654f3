// Ports of Services that do not tell their protocol.
import type { Service, ServicePort } from '#api/kinds/service';
import { protocolNamed } from '#api/protocol';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { isControlPlane, isSystemNamespace } from '../injection-state.ts';

const managedLabel = 'gateway.istio.io/managed';
/** What Kubernetes' own appProtocol names stand for. */
const applicationProtocols = ['kubernetes.io/h2c', 'kubernetes.io/ws', 'kubernetes.io/wss'];

function* check(object: Service): Iterable<Finding> {
  const { metadata, spec } = object;
  if (isControlPlane(object) || isSystemNamespace(metadata.namespace) || metadata.labels?.[managedLabel]) return;
  const external = spec.type === 'ExternalName';
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const { name = '' } = port;
    if (hasProtocol(port) && !(external && name === 'tcp')) continue;
    const field = `spec.ports[${index}]`;
    const hint = 'name it protocol or protocol-suffix, such as http-web, or set appProtocol';
    if (external) yield finding('IST0150', object, field, 'the port of a Service of type ExternalName must tell its protocol', hint);
    else yield finding('IST0118', object, field, `port ${port.port}${name ? ` (${name})` : ''} does not tell its protocol`, hint);
  }
}

function hasProtocol({ name = '', protocol = 'TCP', appProtocol }: ServicePort): boolean {
  if (protocol === 'UDP') return true;
  if (appProtocol !== undefined) return applicationProtocols.includes(appProtocol) || protocolNamed(appProtocol) !== undefined;
  if (/^grpc-web(-|$)/i.test(name)) return true;
  return protocolNamed(name.split('-')[0] ?? '') !== undefined;
}

export const portName = analyzer('service.PortNameAnalyzer', ['/Service'], check);
