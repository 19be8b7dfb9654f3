// What is spoken on a port: Kubernetes' appProtocol, else Istio's port names `<protocol>[-suffix]`.

export type Protocol = 'http' | 'http2' | 'grpc' | 'https' | 'tls' | 'tcp' | 'udp' | 'auto';

const byWord: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http2: 'http2',
  h2c: 'http2',
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  grpc: 'grpc',
  'grpc-web': 'grpc',
  https: 'https',
  'kubernetes.io/wss': 'https',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
  udp: 'udp',
};

export function protocolOf(port: { name?: string | undefined; protocol?: string | undefined; appProtocol?: string | undefined }): Protocol {
  if (port.protocol?.toUpperCase() === 'UDP') return 'udp';
  const declared = port.appProtocol && byWord[port.appProtocol.toLowerCase()];
  if (declared) return declared;
  const name = port.name?.toLowerCase() ?? '';
  if (name.startsWith('grpc-web')) return 'grpc';
  return byWord[name.split('-', 1)[0] ?? ''] ?? 'auto';
}

/** Of a ServiceEntry or Gateway port, which says it outright. */
export function declaredProtocol(word: string | undefined, name: string | undefined): Protocol {
  return (word && byWord[word.toLowerCase()]) || protocolOf({ name });
}

/** Spoken over HTTP/2 and nothing else. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc';
}

export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc';
}
