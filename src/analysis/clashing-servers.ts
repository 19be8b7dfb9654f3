// Two Gateways open the same port of the same proxies for protocols that cannot share it.
import type { ApiObject } from '#api/kind';
import type { Gateway, Server } from '#api/kinds/gateway';
import type { Problem } from '#foundation/problem';
import { naming, precedes, warning } from './analyzer.ts';
import type { ResourceIndex } from './resource-index.ts';

export function clashingServers(object: ApiObject, resources: ResourceIndex): Problem[] {
  if (object.kind !== 'Gateway') return [];
  const own = object as Gateway;
  const others = [...resources.gateways()].filter((other) => precedes(other, own) && selectSame(other, own));
  return (own.spec.servers ?? []).flatMap((server, index) => {
    for (const other of others) {
      const position = (other.spec.servers ?? []).findIndex((each) => clash(each, server));
      const theirs = other.spec.servers?.[position];
      if (!theirs) continue;
      const message = `port ${server.port.number} is ${theirs.port.protocol} in ${naming(other, `spec.servers[${position}]`)}, which is older: this server is not opened`;
      return [
        warning(own, 'CLASHING_SERVERS', `spec.servers[${index}].port`, message, `use another port, or protocol ${theirs.port.protocol}`),
      ];
    }
    return [];
  });
}

function clash(a: Server, b: Server): boolean {
  return a.port.number === b.port.number && (a.bind ?? '') === (b.bind ?? '') && familyOf(a) !== familyOf(b);
}

/** HTTP servers share a port by host, TLS servers by SNI; TCP shares with none. */
function familyOf({ port }: Server): string {
  const protocol = port.protocol.toUpperCase();
  if (['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes(protocol)) return 'HTTP';
  return protocol === 'HTTPS' || protocol === 'TLS' ? 'TLS' : 'TCP';
}

/** Whether a proxy can carry the labels of both selectors. */
function selectSame(a: Gateway, b: Gateway): boolean {
  const [one = {}, other = {}] = [a.spec.selector, b.spec.selector];
  return Object.entries(one).every(([key, value]) => (other[key] ?? value) === value);
}
