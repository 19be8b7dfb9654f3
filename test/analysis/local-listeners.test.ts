// Programs that only their own pod reaches, out of the kernel's tables of sockets.
import { expect, test } from 'vitest';
import { localListeners, localPorts } from '#analysis/local-listeners';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, state = '0A') =>
  `   0: ${local} ${'0'.repeat(local.length - 5)}:0000 ${state} 00000000:00000000 00:00000000 00000000  1000\n`;
const mapped = '0000000000000000FFFF00000100007F';
const v6 = '00000000000000000000000001000000';
const anyV6 = '0'.repeat(32);

test.each([
  ['loopback', row('0100007F:1F90'), [8080]],
  ['loopback of another number', row('0200017F:1F90'), [8080]],
  ['loopback of IPv6', row(`${v6}:1F90`), [8080]],
  ['loopback in IPv6’s clothes', row(`${mapped}:1F90`), [8080]],
  ['any address', row('00000000:1F90'), []],
  ['any address of IPv6', row(`${anyV6}:1F90`), []],
  ['both', row('0100007F:1F90') + row(`${anyV6}:1F90`), []],
  ['a connection', row('0100007F:1F90', '01'), []],
  ['nothing', '', []],
])('%s', (_, rows, ports) => {
  expect([...localPorts(head + rows)]).toEqual(ports);
});

const pod = (name: string, app: string) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app } },
    spec: { containers: [{ name: 'a', ports: [{ name: 'web', containerPort: 8080 }] }] },
  }) as Pod;
const service = (app: string, targetPort: number | string) =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { app }, ports: [{ port: 80, targetPort }] },
  }) as Service;
const local = head + row('0100007F:1F90');
const found = (services: Service[], table: string) =>
  localListeners([pod('p', 'shop'), pod('q', 'cart')], services, new Map([['default/p', table]])).map(({ code, object }) => [
    code,
    object.metadata.name,
  ]);

test.each([
  ['a Service’s port', [service('shop', 8080)], local, [['IST0143', 'p']]],
  ['a Service’s port by name', [service('shop', 'web')], local, [['IST0143', 'p']]],
  ['a port of no Service', [service('shop', 9090)], local, []],
  ['a Service of another pod, of which nothing is known', [service('cart', 8080)], local, []],
  ['a program that all can reach', [service('shop', 8080)], head + row('00000000:1F90'), []],
])('%s', (_, services, table, expected) => {
  expect(found(services, table)).toEqual(expected);
});
