// Envoy's addresses -> SocketAddress.
import type { Address } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import { SocketAddress_Protocol } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import type { Findings } from './findings.ts';
import { isSocketPath, type SocketAddress } from './socket-address.ts';

/** Of a listener or an endpoint. */
export function decodeAddress(address: Address | undefined, field: string, findings: Findings): SocketAddress | undefined {
  if (address?.address?.$case !== 'pipe') return decodeSocketAddress(address, field, findings);
  const { path } = address.address.value;
  if (!isSocketPath(path)) findings.report(`${field}.pipe.path`, 'is neither an absolute path nor an abstract name that begins with @');
  return { address: path, port: 0 };
}

function decodeSocketAddress(address: Address | undefined, field: string, findings: Findings): SocketAddress | undefined {
  const kind = address?.address;
  if (kind?.$case !== 'socketAddress') {
    findings.report(field, kind === undefined ? 'is missing' : `${kind.$case} addresses are not supported`);
    return undefined;
  }
  const { address: host, protocol, portSpecifier } = kind.value;
  if (protocol !== SocketAddress_Protocol.TCP) findings.report(field, 'only TCP is supported');
  if (portSpecifier?.$case === 'namedPort') findings.report(field, 'named ports are not supported');
  const port = portSpecifier?.$case === 'portValue' ? portSpecifier.value : 0;
  if (host === '') findings.report(`${field}.address`, 'is empty');
  if (port > 65_535) findings.report(`${field}.port_value`, `${port} is not a port`);
  return { address: host, port };
}
