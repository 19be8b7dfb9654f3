// What Istio asks of an AuthorizationPolicy beyond its structure.
import type { AuthorizationPolicy, AuthorizationRule } from '../kinds/authorization-policy.ts';
import { isAddressRange } from './names.ts';
import { checkTarget } from './policy-target.ts';
import type { Report } from './report.ts';

type Source = NonNullable<NonNullable<AuthorizationRule['from']>[number]['source']>;
type Operation = NonNullable<NonNullable<AuthorizationRule['to']>[number]['operation']>;
type Condition = NonNullable<AuthorizationRule['when']>[number];

const dryRun = 'istio.io/dry-run';

export function checkAuthorizationPolicy({ spec = {}, metadata }: AuthorizationPolicy, report: Report): void {
  const { action = 'ALLOW', rules, provider } = spec;
  checkTarget(spec, report);
  checkDryRun(metadata.annotations?.[dryRun], action, report);
  if ((action === 'CUSTOM' || action === 'DENY') && rules === undefined) {
    report.error('MISSING_FIELD', 'spec.rules', `action ${action} without rules never acts`, 'write an empty rule {} for every request');
  }
  if (action === 'CUSTOM' && rules !== undefined && !provider?.name) {
    report.error('MISSING_FIELD', 'spec.provider.name', 'action CUSTOM requires a provider');
  }
  if (action !== 'CUSTOM' && provider) report.error('CONFLICTING_FIELDS', 'spec.provider', `provider is for action CUSTOM, not ${action}`);
  for (const [index, rule] of (rules ?? []).entries()) {
    checkRule(rule, `spec.rules[${index}]`, report);
    if (action === 'CUSTOM') checkCustom(rule, `spec.rules[${index}]`, report);
    if (action === 'DENY') warnOfTcp(rule, `spec.rules[${index}]`, report);
  }
}

function checkDryRun(value: string | undefined, action: string, report: Report): void {
  if (value === undefined) return;
  const field = `metadata.annotations["${dryRun}"]`;
  if (action !== 'ALLOW' && action !== 'DENY') report.error('UNSUPPORTED', field, `a dry run is for actions ALLOW and DENY, not ${action}`);
  else if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) {
    report.error('INVALID_VALUE', field, `"${value}" is neither true nor false`);
  }
}

function checkRule({ from, to, when = [] }: AuthorizationRule, at: string, report: Report): void {
  if (from?.length === 0) report.error('MISSING_FIELD', `${at}.from`, 'must not be empty', 'leave it out for every source');
  if (to?.length === 0) report.error('MISSING_FIELD', `${at}.to`, 'must not be empty', 'leave it out for every operation');
  for (const [index, { source }] of (from ?? []).entries()) checkSource(source, `${at}.from[${index}].source`, report);
  for (const [index, { operation }] of (to ?? []).entries()) checkOperation(operation, `${at}.to[${index}].operation`, report);
  for (const [index, condition] of when.entries()) checkCondition(condition, `${at}.when[${index}]`, report);
}

const addressFields = ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const;

function checkSource(source: Source | undefined, at: string, report: Report): void {
  checkGiven(source, at, report);
  checkNonEmpty(source ?? {}, at, report);
  for (const name of addressFields)
    checkValues(source?.[name], `${at}.${name}`, isAddressRange, 'neither an IP address nor a CIDR range', report);
  for (const name of ['serviceAccounts', 'notServiceAccounts'] as const) {
    const fits = (account: string) => account.split('/').length <= 2 && account.split('/').every((part) => part !== '');
    checkValues(source?.[name], `${at}.${name}`, fits, 'neither account nor namespace/account', report);
  }
}

function checkOperation(operation: Operation | undefined, at: string, report: Report): void {
  checkGiven(operation, at, report);
  checkNonEmpty(operation ?? {}, at, report);
  for (const name of ['ports', 'notPorts'] as const) checkValues(operation?.[name], `${at}.${name}`, isPort, 'no port', report);
  for (const name of ['paths', 'notPaths'] as const) {
    checkValues(operation?.[name], `${at}.${name}`, isPathTemplate, 'no path template: only {*} and {**} stand for segments', report);
  }
}

function checkGiven(fields: Source | Operation | undefined, at: string, report: Report): void {
  if (!fields || Object.values(fields).every((values) => values.length === 0))
    report.error('MISSING_FIELD', at, 'one field at least is required');
}

function checkNonEmpty(fields: Source | Operation, at: string, report: Report): void {
  for (const [name, values] of Object.entries(fields)) {
    const index = values.indexOf('');
    if (index >= 0) report.error('MISSING_FIELD', `${at}.${name}[${index}]`, 'must not be empty');
  }
}

function checkValues(values: readonly string[] = [], at: string, fits: (value: string) => boolean, what: string, report: Report): void {
  for (const [index, value] of values.entries()) {
    if (value !== '' && !fits(value)) report.error('INVALID_VALUE', `${at}[${index}]`, `"${value}" is ${what}`);
  }
}

const isPort = (text: string) => /^\d{1,9}$/.test(text) && Number(text) <= 65_535;

/** A path with `{*}` or `{**}` is a template: it has no other wildcards and no named variables. */
function isPathTemplate(path: string): boolean {
  return !/\{\*\*?\}/.test(path) || !/\/\{\w+=\*\*?\}|\{\w*\}|\/\*\*?|\*\*?\//.test(path);
}

type Fits = (value: string) => boolean;
const anything: Fits = () => true;

/** Attributes of `when`, and what their values are. With brackets: `request.headers[NAME]`. */
const attributes: Readonly<Record<string, { bracketed?: true; fits: Fits; what?: string }>> = {
  'source.ip': { fits: isAddressRange, what: 'neither an IP address nor a CIDR range' },
  'remote.ip': { fits: isAddressRange, what: 'neither an IP address nor a CIDR range' },
  'destination.ip': { fits: isAddressRange, what: 'neither an IP address nor a CIDR range' },
  'destination.port': { fits: isPort, what: 'no port' },
  'source.namespace': { fits: anything },
  'source.serviceAccount': { fits: anything },
  'source.principal': { fits: anything },
  'source.trustDomain': { fits: anything },
  'request.auth.principal': { fits: anything },
  'request.auth.audiences': { fits: anything },
  'request.auth.presenter': { fits: anything },
  'connection.sni': { fits: anything },
  'request.headers': { bracketed: true, fits: anything },
  'request.auth.claims': { bracketed: true, fits: anything },
  'experimental.envoy.filters.': { bracketed: true, fits: anything },
};

function checkCondition({ key, values = [], notValues = [] }: Condition, at: string, report: Report): void {
  const name = key in attributes ? key : Object.keys(attributes).find((each) => attributes[each]?.bracketed && key.startsWith(each));
  const attribute = name === undefined ? undefined : attributes[name];
  if (!attribute) {
    report.error('UNKNOWN_VALUE', `${at}.key`, `unknown attribute "${key}"`, `known: ${Object.keys(attributes).join(', ')}`);
    return;
  }
  if (attribute.bracketed && !/^[^[]+\[.+\]$/.test(key)) {
    report.error('INVALID_VALUE', `${at}.key`, `"${key}" names nothing in brackets`, `write ${name}[NAME]`);
  }
  if (values.length + notValues.length === 0) report.error('MISSING_FIELD', at, 'one of values, notValues is required');
  checkNonEmpty({ values, notValues } as unknown as Source, at, report);
  checkValues(values, `${at}.values`, attribute.fits, attribute.what ?? '', report);
  checkValues(notValues, `${at}.notValues`, attribute.fits, attribute.what ?? '', report);
}

const customSources = [
  ...(['namespaces', 'notNamespaces', 'serviceAccounts', 'notServiceAccounts'] as const),
  ...(['principals', 'notPrincipals', 'requestPrincipals', 'notRequestPrincipals'] as const),
];

/** An external authorizer is asked before the peer's identity is known to the filter that asks it. */
function checkCustom({ from = [], when = [] }: AuthorizationRule, at: string, report: Report): void {
  const unsupported = (field: string, what: string) => report.error('UNSUPPORTED', field, `${what} does not work with action CUSTOM`);
  for (const [index, { source }] of from.entries()) {
    for (const name of customSources) if (source?.[name]?.length) unsupported(`${at}.from[${index}].source.${name}`, name);
  }
  for (const [index, { key }] of when.entries()) {
    const peer = ['source.namespace', 'source.serviceAccount', 'source.principal'].includes(key);
    if (peer || key.startsWith('request.auth.')) unsupported(`${at}.when[${index}].key`, key);
  }
}

/** Attributes of HTTP alone deny every TCP connection: nothing else can be known of it. */
function warnOfTcp({ from, to }: AuthorizationRule, at: string, report: Report): void {
  const tcpSources = (from ?? []).some(({ source = {} }) => Object.keys(source).some((name) => !/request/i.test(name)));
  const tcpOperations = (to ?? []).some(({ operation }) => operation?.ports || operation?.notPorts);
  if ((from && !to && !tcpSources) || (to && !tcpOperations)) {
    report.warning('DENIES_TCP', at, 'denies all TCP traffic too: only attributes of HTTP are given', 'name the ports that it is for');
  }
}
