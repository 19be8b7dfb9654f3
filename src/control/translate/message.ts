// Small messages that every Envoy resource is made of.

import type { Address } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import { Address as AddressMessage } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import type { TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import {
  ApiVersion,
  type ConfigSource,
  ConfigSource as ConfigSourceMessage,
} from '#codec/protobuf/generated/envoy/config/core/v3/config_source';
import type { Any, MessageFns } from '#codec/protobuf/generated/google/protobuf/any';
import type { Duration } from '#codec/protobuf/generated/google/protobuf/duration';
import { unixSocketPath } from '#control/mesh/endpoint';

/** `message` in an Any; `name` without the `type.googleapis.com/`. */
export function pack<T>(name: string, type: MessageFns<T>, message: Parameters<MessageFns<T>['fromPartial']>[0]): Any {
  return { typeUrl: `type.googleapis.com/${name}`, value: bytesOf(type, message) };
}

export function bytesOf<T>(type: MessageFns<T>, message: Parameters<MessageFns<T>['fromPartial']>[0]): Buffer {
  const bytes = type.encode(type.fromPartial(message)).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function durationOf(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function socketAddress(address: string, port: number): Address {
  return AddressMessage.fromPartial({
    address: { $case: 'socketAddress', value: { address, portSpecifier: { $case: 'portValue', value: port } } },
  });
}

/** Where a workload serves: a Unix socket is told as Istio writes it, `unix:///path` or `unix://@name`, and has no port. */
export function servingAddress(address: string, port: number): Address {
  const path = unixSocketPath(address);
  return path === undefined ? socketAddress(address, port) : AddressMessage.fromPartial({ address: { $case: 'pipe', value: { path } } });
}

/** `context`: an UpstreamTlsContext or a DownstreamTlsContext. */
export function tlsSocket(context: Any): TransportSocket {
  return { name: 'envoy.transport_sockets.tls', configType: { $case: 'typedConfig', value: context } };
}

/** "From the stream that this came on." */
export function adsSource(): ConfigSource {
  return ConfigSourceMessage.fromPartial({
    configSourceSpecifier: { $case: 'ads', value: {} },
    initialFetchTimeout: durationOf(0),
    resourceApiVersion: ApiVersion.V3,
  });
}
