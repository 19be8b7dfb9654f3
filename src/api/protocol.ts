// The names of protocols that ports are given, in resources and in the names of Services' ports.

const names = [
  'http',
  'http2',
  'https',
  'grpc',
  'grpc-web',
  'hbone',
  'tcp',
  'tls',
  'udp',
  'mongo',
  'mysql',
  'redis',
  'thrift',
  'double-hbone',
];

export const protocolNames: readonly string[] = names.map((name) => name.toUpperCase());

/** Upper case of a known protocol, as Istio's resources write it; undefined otherwise. */
export function protocolNamed(text: string): string | undefined {
  const upper = text.toUpperCase();
  return protocolNames.includes(upper) ? upper : undefined;
}

/** Whether requests can be told apart on it. */
export const isHttp = (text = ''): boolean => ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes(text.toUpperCase());

/** Whether a connection begins with TLS, and so with the name of its host. */
export const isTls = (text = ''): boolean => ['HTTPS', 'TLS'].includes(text.toUpperCase());
