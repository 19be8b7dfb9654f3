// Delegated VirtualServices: whose rules serve, and how the conditions of root and delegate become one.
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { HttpRoute, VirtualService } from '#api/kinds/virtual-service';
import { withDelegates } from '#control/mesh/delegate';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import { setsOf } from './fixture.ts';

const service = (name: string, namespace: string, spec: string): VirtualService =>
  ({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name, namespace }, spec: parse(spec) }) as VirtualService;

const to = (host: string) => `route: [{destination: {host: ${host}}}]`;

function merged(root: string, inner: string, innerNamespace = 'default'): HttpRoute[] {
  const delegate = service('inner', innerNamespace, inner);
  const find = (key: string) => (key === `${innerNamespace}/inner` ? delegate : undefined);
  return withDelegates(service('root', 'default', root), find, 'cluster.local').spec.http ?? [];
}

const root = (match: string, more = '') => `{hosts: [a], http: [{name: r, match: [${match}], delegate: {name: inner}${more}}]}`;
const inner = (match: string, more = '') => `{http: [{name: i, match: [${match}], ${to('b')}${more}}]}`;

test.each([
  { name: 'a prefix below a prefix', root: '{uri: {prefix: /a}}', inner: '{uri: {prefix: /a/b}}', match: [{ uri: { prefix: '/a/b' } }] },
  { name: 'an exact path below a prefix', root: '{uri: {prefix: /a}}', inner: '{uri: {exact: /a/b}}', match: [{ uri: { exact: '/a/b' } }] },
  { name: 'a path elsewhere', root: '{uri: {prefix: /a}}', inner: '{uri: {prefix: /b}}', match: undefined },
  { name: 'a prefix in an exact path', root: '{uri: {exact: /a}}', inner: '{uri: {prefix: /a}}', match: undefined },
  { name: 'a regular expression beside a prefix', root: '{uri: {prefix: /a}}', inner: '{uri: {regex: /a.*}}', match: undefined },
  {
    name: 'headers of both',
    root: '{headers: {x: {exact: "1"}}}',
    inner: '{headers: {y: {exact: "2"}}}',
    match: [{ headers: { x: { exact: '1' }, y: { exact: '2' } } }],
  },
  { name: 'a header that cannot be both', root: '{headers: {x: {exact: "1"}}}', inner: '{headers: {x: {exact: "2"}}}', match: undefined },
  {
    name: 'each with each',
    root: '{port: 1}, {port: 2}',
    inner: '{method: {exact: GET}}, {port: 2}',
    match: [{ port: 1, method: { exact: 'GET' } }, { port: 2, method: { exact: 'GET' } }, { port: 2 }],
  },
  { name: 'the root alone asks', root: '{port: 1}', inner: '', match: [{ port: 1 }] },
  { name: 'the delegate alone asks', root: '', inner: '{port: 1}', match: [{ port: 1 }] },
])('$name', ({ root: outer, inner: within, match }) => {
  const rules = merged(root(outer), inner(within));
  expect(rules.map((rule) => rule.match)).toEqual(match === undefined ? [] : [match]);
  for (const rule of rules) expect(rule.name).toBe('r-i');
});

test('what the delegate leaves open the root fills in', () => {
  const [rule] = merged(
    root('', ', timeout: 3s, retries: {attempts: 1}, fault: {abort: {httpStatus: 500}}'),
    inner('', ', retries: {attempts: 5}'),
  );
  expect(rule).toMatchObject({ timeout: '3s', retries: { attempts: 5 }, fault: { abort: { httpStatus: 500 } } });
  expect(rule).not.toHaveProperty('delegate');
});

test.each([
  { name: 'is not there', root: '{hosts: [a], http: [{delegate: {name: other}}]}', inner: inner('') },
  { name: 'has hosts of its own', root: root(''), inner: `{hosts: [c], http: [{${to('b')}}]}` },
])('a delegate that $name gives no rules', ({ root: outer, inner: within }) => {
  expect(merged(outer, within)).toEqual([]);
});

test('short names mean what they mean in the namespace of the delegate, which must be exported', () => {
  const outer = '{hosts: [a], http: [{delegate: {name: inner, namespace: other}}]}';
  expect(merged(outer, inner(''), 'other')[0]?.route?.[0]?.destination.host).toBe('b.other.svc.cluster.local');
  expect(merged(outer, `{exportTo: ['.'], http: [{${to('b')}}]}`, 'other')).toEqual([]);
});

test('an edit of a delegate is an edit of its roots', () => {
  const yaml = (host: string) =>
    [
      { name: 'root', spec: { hosts: ['a'], http: [{ delegate: { name: 'inner' } }] } },
      { name: 'inner', spec: { http: [{ route: [{ destination: { host } }] }] } },
    ]
      .map(({ name, spec }) =>
        JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name, namespace: 'default' }, spec }),
      )
      .join('\n---\n');
  const first = fold(emptySnapshot(), setsOf(yaml('b'))).snapshot;
  const [, edit] = setsOf(yaml('c'));
  const { snapshot, changes } = fold(first, [edit!]);
  expect([...changes.virtualServices].sort()).toEqual(['default/inner', 'default/root']);
  expect(snapshot.virtualServices.get('default/root')?.object.spec.http?.[0]?.route?.[0]?.destination.host).toBe(
    'c.default.svc.cluster.local',
  );
});
