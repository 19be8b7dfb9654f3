// Envoy's messages as JSON: names, opened `Any`s, and what is said where one cannot be opened.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { typeUrl } from '#xds/resource-type';

const json = new CanonicalJson(readFileSync(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));

const previousHosts = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';

function routes(predicateType: string): Uint8Array {
  const predicate = {
    name: 'predicate',
    configType: { $case: 'typedConfig' as const, value: { typeUrl: predicateType, value: Buffer.alloc(0) } },
  };
  const message = RouteConfiguration.fromPartial({
    name: '9080',
    virtualHosts: [{ name: 'reviews', domains: ['reviews'], retryPolicy: { retryOn: 'unavailable', retryHostPredicate: [predicate] } }],
  });
  return RouteConfiguration.encode(message).finish();
}

const printed = (predicate: object) => ({
  '@type': typeUrl.route,
  name: '9080',
  virtual_hosts: [
    {
      name: 'reviews',
      domains: ['reviews'],
      retry_policy: { retry_on: 'unavailable', retry_host_predicate: [{ name: 'predicate', typed_config: predicate }] },
    },
  ],
});

test('fields have their proto names, and what Any carries is opened', () => {
  expect(json.print(typeUrl.route, routes(previousHosts))).toEqual(printed({ '@type': previousHosts }));
});

test('an extension that is not known does not hide what holds it', () => {
  const unknown = 'type.googleapis.com/somebody.else.Extension';
  expect(json.print(typeUrl.route, routes(unknown))).toEqual(printed({ '@type': unknown }));
});

test.each([
  ['a type that is not known', 'type.googleapis.com/somebody.else.Resource', Buffer.from([1, 2]), /somebody\.else\.Resource is not known/],
  ['bytes that are no message', typeUrl.route, Buffer.from([0xff]), /./],
])('%s is given as base64 with the reason', (_, type, bytes, reason) => {
  expect(json.print(type, bytes)).toEqual({ '@type': type, value: bytes.toString('base64'), unopened: expect.stringMatching(reason) });
});
