// The permissions and principals of Envoy's RBAC as tests of a subject. What Envoy knows and this does not is refused by name.
import { BlockList, isIPv6 } from 'node:net';
import type { CidrRange } from '#codec/protobuf/generated/envoy/config/core/v3/address';
import type { Permission, Principal } from '#codec/protobuf/generated/envoy/config/rbac/v3/rbac';
import type { HeaderMatcher } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { PathMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/path';
import { decodeHeaderMatcher, decodeStringMatcher } from '#proxy/config/decode-matcher';
import type { Findings } from '#proxy/config/findings';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import { headerMatches, pathnameOf } from '#proxy/route/route-match';
import type { StringTest } from '#proxy/route/string-matcher';
import { decodeMetadataMatcher } from './metadata-matcher.ts';
import type { Subject } from './subject.ts';

export type SubjectTest = (subject: Subject) => boolean;

const always: SubjectTest = () => true;
const never: SubjectTest = () => false;

export function decodePermission({ rule }: Permission, field: string, findings: Findings): SubjectTest {
  switch (rule?.$case) {
    case 'any':
      return rule.value ? always : never;
    case 'andRules': {
      const tests = rule.value.rules.map((each, i) => decodePermission(each, `${field}.and_rules[${i}]`, findings));
      return (subject) => tests.every((test) => test(subject));
    }
    case 'orRules': {
      const tests = rule.value.rules.map((each, i) => decodePermission(each, `${field}.or_rules[${i}]`, findings));
      return (subject) => tests.some((test) => test(subject));
    }
    case 'notRule': {
      const test = decodePermission(rule.value, `${field}.not_rule`, findings);
      return (subject) => !test(subject);
    }
    case 'header':
      return headerTest(rule.value, field, findings);
    case 'urlPath':
      return pathTest(rule.value, field, findings);
    case 'destinationIp': {
      const within = decodeCidr(rule.value, `${field}.destination_ip`, findings);
      return ({ connection }) => within(destinationOf(connection).address);
    }
    case 'destinationPort':
      return ({ connection }) => destinationOf(connection).port === rule.value;
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return ({ connection }) => destinationOf(connection).port >= start && destinationOf(connection).port < end;
    }
    case 'metadata': {
      const test = decodeMetadataMatcher(rule.value, `${field}.metadata`, findings);
      return (subject) => test(subject.metadataOf);
    }
    case 'requestedServerName': {
      const test = decodeStringMatcher(rule.value, `${field}.requested_server_name`, findings);
      return ({ connection }) => test(connection.serverName);
    }
    default:
      findings.report(field, `permission ${rule?.$case ?? 'without a rule'} is not supported`);
      return never;
  }
}

export function decodePrincipal({ identifier }: Principal, field: string, findings: Findings): SubjectTest {
  switch (identifier?.$case) {
    case 'any':
      return identifier.value ? always : never;
    case 'andIds': {
      const tests = identifier.value.ids.map((each, i) => decodePrincipal(each, `${field}.and_ids[${i}]`, findings));
      return (subject) => tests.every((test) => test(subject));
    }
    case 'orIds': {
      const tests = identifier.value.ids.map((each, i) => decodePrincipal(each, `${field}.or_ids[${i}]`, findings));
      return (subject) => tests.some((test) => test(subject));
    }
    case 'notId': {
      const test = decodePrincipal(identifier.value, `${field}.not_id`, findings);
      return (subject) => !test(subject);
    }
    case 'authenticated': {
      const { principalName } = identifier.value;
      if (principalName === undefined) return ({ connection }) => connection.tls?.peer !== undefined;
      const test = decodeStringMatcher(principalName, `${field}.authenticated.principal_name`, findings);
      return ({ connection }) => isNamed(connection, test);
    }
    case 'sourceIp':
    case 'directRemoteIp': {
      const within = decodeCidr(identifier.value, field, findings);
      return ({ connection }) => within(connection.remoteAddress);
    }
    case 'remoteIp': {
      const within = decodeCidr(identifier.value, field, findings);
      return ({ clientAddress }) => within(clientAddress);
    }
    case 'header':
      return headerTest(identifier.value, field, findings);
    case 'urlPath':
      return pathTest(identifier.value, field, findings);
    case 'metadata': {
      const test = decodeMetadataMatcher(identifier.value, `${field}.metadata`, findings);
      return (subject) => test(subject.metadataOf);
    }
    default:
      findings.report(field, `principal ${identifier?.$case ?? 'without an identifier'} is not supported`);
      return never;
  }
}

function headerTest(matcher: HeaderMatcher, field: string, findings: Findings): SubjectTest {
  const test = decodeHeaderMatcher(matcher, `${field}.header`, findings);
  return ({ request }) => request !== undefined && headerMatches(test, request);
}

function pathTest({ rule }: PathMatcher, field: string, findings: Findings): SubjectTest {
  if (rule === undefined) {
    findings.report(`${field}.url_path`, 'has no rule');
    return never;
  }
  const test = decodeStringMatcher(rule.value, `${field}.url_path`, findings);
  return ({ request }) => request !== undefined && test(pathnameOf(request.path));
}

function destinationOf({ originalDestination, localAddress, localPort }: DownstreamConnection): { address: string; port: number } {
  return originalDestination ?? { address: localAddress, port: localPort };
}

/** Envoy's order: names that are URIs; where there are none, DNS names; where there are none, the subject. */
function isNamed({ tls }: DownstreamConnection, test: StringTest): boolean {
  const peer = tls?.peer;
  if (peer === undefined) return false;
  if (peer.uriNames.length > 0) return peer.uriNames.some(test);
  if (peer.dnsNames.length > 0) return peer.dnsNames.some(test);
  return test(peer.subject);
}

function decodeCidr({ addressPrefix, prefixLen }: CidrRange, field: string, findings: Findings): (address: string) => boolean {
  const list = new BlockList();
  findings.attempt(field, () => list.addSubnet(addressPrefix, prefixLen ?? 0, isIPv6(addressPrefix) ? 'ipv6' : 'ipv4'));
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
