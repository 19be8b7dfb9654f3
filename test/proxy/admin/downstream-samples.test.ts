// What the listeners' side counts, by Envoy's names, in text and for Prometheus; and the certificates that a proxy holds.

import { connect } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { Regex } from '#codec/regex';
import { describeCertificates } from '#proxy/admin/certificates';
import { downstreamSamples } from '#proxy/admin/downstream-samples';
import { formatPrometheus, formatStats } from '#proxy/admin/stats';
import { TestAuthority } from '../../certificates.ts';
import {
  Client,
  closer,
  cluster,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  Peer,
  route,
  routeTable,
  TestProxy,
} from '../fixture.ts';
import { statsOf } from '../stats-of.ts';
import { certificateOf, clientTls, serverTls, trusting } from '../tls-fixture.ts';

const open = closer();
afterEach(open.closeAll);

test('requests, connections and handshakes', async () => {
  const authority = await TestAuthority.create();
  const server = await authority.issue({ commonName: 'server', dnsNames: ['bookinfo.test'] });
  const upstream = open.add(await httpPeer(ok()));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const listener = httpListener(httpConfig(routeTable({ '*': route(forward('a')) })));
  const port = await proxy.listen({
    ...listener,
    filterChains: listener.filterChains.map((chain) => ({ ...chain, tls: serverTls(server) })),
  });
  const socket = connect({ port, host: '127.0.0.1', ca: authority.certificate, servername: 'bookinfo.test' });
  open.add({ close: () => void socket.destroy() });
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));

  const samples = downstreamSamples(proxy.listeners);
  expect(samples).toMatchObject({
    'http.test.downstream_rq_total': 1,
    'http.test.downstream_rq_2xx': 1,
    'http.test.downstream_cx_active': 1,
    'http.test.downstream_cx_tx_bytes_total': answer.length,
    'http.test.downstream_cx_rx_bytes_total': 27,
    [`listener.127.0.0.1_${port}.ssl.handshake`]: 1,
    [`listener.127.0.0.1_${port}.ssl.no_certificate`]: 1,
    [`listener.127.0.0.1_${port}.downstream_cx_active`]: 1,
  });
  expect(formatStats(statsOf(samples), new Regex('handshake'))).toBe(`listener.127.0.0.1_${port}.ssl.handshake: 1\n`);
  const prometheus = formatPrometheus(statsOf(samples));
  expect(prometheus).toContain(`envoy_listener_ssl_handshake{envoy_listener_address="127.0.0.1_${port}"} 1\n`);
  expect(prometheus).toContain(
    '# TYPE envoy_http_downstream_cx_active gauge\nenvoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="test"} 1\n',
  );
});

test("a cluster's handshakes, and the bytes that it was sent", async () => {
  const authority = await TestAuthority.create();
  const upstream = open.add(await httpPeer(ok()));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('plain', [upstream.port]));
  const insecure = open.add(await Peer.listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  proxy.runtime.clusters.set(cluster('secured', [insecure.port], { tls: clientTls({ validation: trusting(authority) }) }));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '/s': route(forward('secured')), '*': route(forward('plain')) }))));
  const client = open.add(await Client.connect(port));
  await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n').until('200 OK');
  await client.write('GET /s HTTP/1.1\r\nhost: a\r\n\r\n').until('503');
  const stats = formatStats(statsOf({}, proxy.runtime.clusters.all()), new Regex('ssl|tx_bytes'));
  expect(stats).toContain(`cluster.plain.upstream_cx_tx_bytes_total: ${upstream.requests[0]!.length}\n`);
  expect(stats).not.toContain('cluster.plain.ssl');
  expect(stats).toContain('cluster.secured.ssl.handshake: 0\n');
  expect(stats).toContain('cluster.secured.ssl.connection_error: 1\n');
  expect(stats).toContain('cluster.secured.client_ssl_socket_factory.upstream_context_secrets_not_ready: 0\n');
});

test('certificates are described, their keys are not', async () => {
  const authority = await TestAuthority.create();
  const notAfter = new Date(Date.UTC(2030, 0, 11));
  const issued = await authority.issue({ commonName: 'a', dnsNames: ['a.test'], uriNames: ['spiffe://td/ns/a/sa/b'], notAfter });
  const held = { certificates: [certificateOf(issued)], validations: [trusting(authority)] };
  const described = describeCertificates(held, Date.UTC(2030, 0, 1));
  expect(described).toMatchObject({
    certificates: [
      { ca_cert: [{ path: '<inline>', serial_number: '01' }] },
      {
        cert_chain: [
          {
            serial_number: '02',
            subject_alt_names: [{ dns: 'a.test' }, { uri: 'spiffe://td/ns/a/sa/b' }],
            days_until_expiration: '10',
            expiration_time: '2030-01-11T00:00:00.000Z',
          },
        ],
      },
    ],
  });
  expect(JSON.stringify(described)).not.toContain('KEY');
});
