// Two Gateways open the same port of the same proxies for protocols that cannot share it.
import type { Gateway, Server } from '#api/kinds/gateway';
import { isHttp, isTls } from '#api/protocol';
import { analyzer, type Finding, finding, naming, precedes } from '../analyzer.ts';
import { grouped, type Resources } from '../resources.ts';

const kind = 'networking.istio.io/Gateway';

const byPort = (resources: Resources) =>
  grouped(
    resources
      .all<Gateway>(kind)
      .flatMap((gateway) =>
        [...new Set((gateway.spec.servers ?? []).map(({ port }) => port.number))].map((number) => [`${number}`, gateway] as const),
      ),
  );

function* check(object: Gateway, resources: Resources): Iterable<Finding> {
  for (const [index, server] of (object.spec.servers ?? []).entries()) {
    const others = resources.derived(byPort).get(`${server.port.number}`) ?? [];
    for (const other of others) {
      if (!precedes(other, object) || !selectSame(other, object)) continue;
      const position = (other.spec.servers ?? []).findIndex((each) => clash(each, server));
      const theirs = other.spec.servers?.[position];
      if (!theirs) continue;
      const message = `port ${server.port.number} is ${theirs.port.protocol} in ${naming(other, `spec.servers[${position}]`)}, which is older: this server is not opened`;
      yield finding('LTN0001', object, `spec.servers[${index}].port`, message, `use another port, or protocol ${theirs.port.protocol}`);
      break;
    }
  }
}

function clash(a: Server, b: Server): boolean {
  return a.port.number === b.port.number && (a.bind ?? '') === (b.bind ?? '') && familyOf(a) !== familyOf(b);
}

/** HTTP servers share a port by host, TLS servers by SNI; TCP shares with none. */
function familyOf({ port }: Server): string {
  if (isHttp(port.protocol)) return 'HTTP';
  return isTls(port.protocol) ? 'TLS' : 'TCP';
}

/** Whether a proxy can carry the labels of both selectors. */
function selectSame(a: Gateway, b: Gateway): boolean {
  const [one = {}, other = {}] = [a.spec.selector, b.spec.selector];
  return Object.entries(one).every(([key, value]) => (other[key] ?? value) === value);
}

export const conflictingServers = analyzer('lateen.ConflictingServersAnalyzer', [kind], check);
