// Durations of patches: as Go writes them, wherever in a message they stand.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonValue } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';

const json = new CanonicalJson(
  readFileSync(fileURLToPath(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url))),
);
const type = 'envoy.config.cluster.v3.Cluster';
const timeoutOf = (value: JsonValue) => Cluster.decode(json.encode(type, value) ?? Buffer.alloc(0)).connectTimeout;

describe('durations', () => {
  test.each([
    ['500ms', { seconds: 0, nanos: 500_000_000 }],
    ['1m30s', { seconds: 90, nanos: 0 }],
    ['0.25s', { seconds: 0, nanos: 250_000_000 }],
    ['1h', { seconds: 3600, nanos: 0 }],
    ['10us', { seconds: 0, nanos: 10_000 }],
  ])('%s', (written, read) => {
    expect(json.problemOf(type, { connect_timeout: written })).toBeUndefined();
    expect(timeoutOf({ connect_timeout: written })).toEqual(read);
    expect(timeoutOf({ connectTimeout: written })).toEqual(read);
  });

  test('in lists, and where a field is no duration it stays what it is', () => {
    const value = { name: '500ms', health_checks: [{ timeout: '500ms', interval: '1m', http_health_check: { path: '1m' } }] };
    expect(json.problemOf(type, value)).toBeUndefined();
    const cluster = Cluster.decode(json.encode(type, value) ?? Buffer.alloc(0));
    expect(cluster.name).toBe('500ms');
    expect(cluster.healthChecks[0]?.interval).toEqual({ seconds: 60, nanos: 0 });
  });

  test.each(['soon', '5', '5 s', ''])('%j is none', (written) => {
    expect(json.problemOf(type, { connect_timeout: written })).toContain('Duration');
  });
});
