// What Telemetries change of Istio's metrics, seen at a client's proxy: labels by expressions, labels that go, metrics that are not counted.
import { expect, test } from 'vitest';
import { formatFamilies } from '#telemetry/metrics';
import { until } from '../integration/until.ts';
import { useTrafficMesh } from './use-traffic-mesh.ts';

const town = useTrafficMesh();
const url = 'http://reviews:9080/seen?a=b';

const telemetry = (metrics: string) => `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics, namespace: default}
spec: {metrics: [${metrics}]}
`;

/** Lines of a metric with this among their labels. */
async function lines(metric: string, label: string, proxy = 'client'): Promise<string[]> {
  const text = formatFamilies((await town.mesh.proxyOf(proxy).stats()).families);
  return text.split('\n').filter((line) => line.startsWith(metric) && line.includes(label));
}

test('labels by expressions, labels that go, metrics that are not counted', async () => {
  await town.mesh.apply(
    telemetry(`{providers: [{name: prometheus}], overrides: [
      {match: {metric: REQUEST_COUNT, mode: CLIENT}, tagOverrides: {
        where: {value: request.url_path}, kind: {operation: UPSERT, value: "response.code < 400 ? 'good' : 'bad'"},
        none: {value: "request.headers['x-none']"}, destination_service_name: {value: "'renamed'"}, response_flags: {operation: REMOVE}}},
      {match: {metric: REQUEST_DURATION}, disabled: true},
      {match: {metric: ALL_METRICS, mode: CLIENT}, tagOverrides: {who: {value: "request.method + '!'"}}}]}`),
  );
  await until('a request is counted anew', async () => {
    await town.mesh.call({ url });
    return (await lines('istio_requests_total', 'where=')).length > 0;
  });
  const [line = ''] = await lines('istio_requests_total', 'where=');
  expect(line).toContain('where="/seen"');
  expect(line).toContain('kind="good"');
  expect(line).toContain('none="unknown"');
  expect(line).toContain('who="GET!"');
  expect(line).toContain('destination_service_name="renamed"');
  expect(line).not.toContain('response_flags');
  expect((await lines('istio_request_bytes_count', 'who="GET!"')).length).toBeGreaterThan(0);
  expect(await lines('istio_request_duration_milliseconds_count', 'who=')).toEqual([]);
});

test('of connections, at the side that is meant', async () => {
  const sent = 'istio_tcp_sent_bytes_total';
  await town.mesh.apply(
    telemetry(`{overrides: [
      {match: {metric: TCP_SENT_BYTES, mode: SERVER}, tagOverrides: {where: {value: "'server'"}}},
      {match: {metric: TCP_SENT_BYTES, mode: CLIENT}, tagOverrides: {where: {value: "'client'"}}},
      {match: {metric: TCP_OPENED_CONNECTIONS, mode: CLIENT_AND_SERVER}, disabled: true}]}`),
  );
  await until('a connection is counted anew', async () => {
    await town.mesh.call({ at: 'POD(bare-v1):9080', url: 'http://any/' });
    return (await lines(sent, 'where="server"', 'bare-v1')).length > 0;
  });
  expect(await lines(sent, 'where="client"', 'bare-v1')).toEqual([]);
  expect(await lines('istio_tcp_connections_closed_total', 'reporter="destination"', 'bare-v1')).toHaveLength(1);
});

test('an expression that is none is refused, and what was before goes on', async () => {
  const before = await lines('istio_requests_total', 'bad_label');
  await town.mesh.apply(telemetry('{overrides: [{tagOverrides: {bad_label: {value: "1 +"}}}]}')).catch(() => {});
  expect((await town.mesh.call({ url })).status).toBe(200);
  expect(await lines('istio_requests_total', 'bad_label')).toEqual(before);
});
