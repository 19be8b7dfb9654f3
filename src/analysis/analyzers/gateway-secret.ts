// The Secrets with a Gateway's certificates: whether they exist, and hold what a proxy can serve.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Gateway } from '#api/kinds/gateway';
import type { Secret } from '#api/kinds/secret';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { podsOf } from '../labels.ts';
import type { Resources } from '../resources.ts';
import { noPods } from './ingress-gateway-port.ts';

function* check(object: Gateway, resources: Resources): Iterable<Finding> {
  const [pod] = podsOf(resources, object.spec.selector ?? {});
  if (!pod) return yield noPods(object);
  const { namespace = '' } = pod.metadata;
  for (const [index, { tls }] of (object.spec.servers ?? []).entries()) {
    const names = [tls?.credentialName, ...(tls?.credentialNames ?? [])].filter((name): name is string => Boolean(name));
    for (const name of names) yield* checkSecret(object, namespace, name, `spec.servers[${index}].tls.credentialName`, resources);
  }
}

function* checkSecret(object: Gateway, namespace: string, name: string, field: string, resources: Resources): Iterable<Finding> {
  const secret = resources.find<Secret>('/Secret', namespace, name);
  if (!secret) {
    yield finding('IST0101', object, field, `Secret ${namespace}/${name} does not exist, where the gateway's pods are`, 'apply it there');
    return;
  }
  const problem = problemOf(secret, resources.nowMs);
  if (problem) yield finding('IST0161', object, field, `Secret ${namespace}/${name} ${problem}`, 'it needs tls.crt and tls.key, in PEM');
}

/** Never with what the Secret holds. */
function problemOf({ data = {}, stringData = {} }: Secret, nowMs: number): string | undefined {
  const read = (name: string) =>
    stringData[name] ?? (data[name] === undefined ? undefined : Buffer.from(data[name], 'base64').toString('utf8'));
  const certificate = read('tls.crt') ?? read('cert');
  const key = read('tls.key') ?? read('key');
  if (!certificate || !key) return 'lacks a certificate or a key';
  try {
    const { validTo } = new X509Certificate(certificate);
    if (Date.parse(validTo) < nowMs) return `holds a certificate that expired on ${validTo}`;
  } catch {
    return 'holds no certificate that can be read';
  }
  try {
    createPrivateKey(key);
    return undefined;
  } catch {
    return 'holds no key that can be read';
  }
}

export const gatewaySecret = analyzer('gateway.SecretAnalyzer', ['networking.istio.io/Gateway'], check);
