// Strategic merge patches, field sets and server-side apply, case by case.
import { describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { deploymentKind } from '#api/kinds/deployment';
import { serviceKind } from '#api/kinds/service';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { describeField, fieldsOf, fromFieldsV1, toFieldsV1 } from '#apiserver/field-set';
import { afterUpdate, applied, type Manager } from '#apiserver/managed-fields';
import { strategicMerge } from '#apiserver/strategic-merge';

describe('a strategic merge patch', () => {
  const containers = (...list: object[]) => ({ spec: { template: { spec: { containers: list } } } });
  const a = { name: 'a', image: 'a:1', env: [{ name: 'X', value: '1' }] };
  const b = { name: 'b', image: 'b:1' };
  const cases: readonly (readonly [what: string, target: object, patch: object, result: object])[] = [
    ['merges elements by their key', containers(a, b), containers({ name: 'b', image: 'b:2' }), containers(a, { ...b, image: 'b:2' })],
    ['adds what is new', containers(a), containers(b), containers(a, b)],
    ['deletes an element', containers(a, b), containers({ name: 'a', $patch: 'delete' }), containers(b)],
    ['replaces a list', containers(a), containers({ $patch: 'replace' }, b), containers(b)],
    [
      'goes into elements',
      containers(a),
      containers({ name: 'a', env: [{ name: 'Y', value: '2' }] }),
      containers({ ...a, env: [...a.env, { name: 'Y', value: '2' }] }),
    ],
    [
      'keeps to an order',
      containers(a, b),
      { spec: { template: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } } } },
      containers(b, a),
    ],
    [
      'takes primitives out',
      { metadata: { finalizers: ['x', 'y'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } },
      { metadata: { finalizers: ['y'] } },
    ],
    [
      'adds to a set',
      { metadata: { finalizers: ['x'] } },
      { metadata: { finalizers: ['x', 'y'] } },
      { metadata: { finalizers: ['x', 'y'] } },
    ],
    ['removes a field', { spec: { paused: true, replicas: 1 } }, { spec: { paused: null } }, { spec: { replicas: 1 } }],
    [
      'keeps only certain keys',
      { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: {} } } },
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      { spec: { strategy: { type: 'Recreate' } } },
    ],
    [
      'replaces lists without keys',
      { spec: { template: { spec: { containers: [{ name: 'a', command: ['x'] }] } } } },
      containers({ name: 'a', command: ['y', 'z'] }),
      containers({ name: 'a', command: ['y', 'z'] }),
    ],
  ];
  test.each(cases)('%s', (_, target, patch, result) => {
    const before = structuredClone(target);
    expect(strategicMerge(deploymentKind, target, patch)).toEqual(result);
    expect(target).toEqual(before);
  });

  test('that makes no sense is refused', () => {
    expect(() => strategicMerge(deploymentKind, {}, containers({ image: 'x' }))).toThrow('lacks name');
    expect(() => strategicMerge(deploymentKind, {}, { spec: { $patch: 'frob' } })).toThrow('unknown directive');
  });
});

describe('a set of fields', () => {
  test('names elements by their keys, and comes back from how it is written', () => {
    const fields = fieldsOf(serviceKind, {
      spec: { selector: { app: 'a' }, ports: [{ port: 80, name: 'http' }] },
      metadata: { finalizers: ['x'] },
    });
    expect(toFieldsV1(fields)).toEqual({
      'f:spec': { 'f:selector': { 'f:app': {} }, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} } } },
      'f:metadata': { 'f:finalizers': { 'v:"x"': {} } },
    });
    expect(fromFieldsV1(toFieldsV1(fields))).toEqual(fields);
    expect([...fields].map(describeField)).toContain('.spec.ports[port=80,protocol="TCP"].name');
    expect([...fieldsOf(virtualServiceKind, { spec: { hosts: ['a', 'b'] } })].map(describeField)).toEqual(['.spec.hosts']);
  });
});

describe('server-side apply', () => {
  const manager = (name: string): Manager => ({ name, apiVersion: 'v1', time: '2026-01-01T00:00:00Z' });
  const config = (data: Record<string, string>) =>
    ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' }, data }) as ApiObject;
  const apply = (stored: ApiObject | undefined, data: Record<string, string>, name = 'a', force = false) =>
    applied(configMapKind, stored, config(data), manager(name), force);
  const dataOf = (object: ApiObject) => (object as ApiObject & { data: object }).data;

  test('takes back what is declared no more, unless somebody else manages it', () => {
    const first = apply(undefined, { x: '1', y: '1' });
    const second = apply(first, { y: '1', z: '1' }, 'b');
    expect(dataOf(apply(second, { x: '1' }))).toEqual({ x: '1', y: '1', z: '1' });
    expect(dataOf(apply(second, {}, 'b'))).toEqual({ x: '1', y: '1' });
    expect(dataOf(apply(apply(second, {}, 'b'), { x: '1' }))).toEqual({ x: '1' });
  });

  test('conflicts over other values, and takes the field over when forced', () => {
    const first = apply(undefined, { x: '1' });
    expect(() => apply(first, { x: '2' }, 'b')).toThrow('conflict with "a" using v1: .data.x');
    const forced = apply(first, { x: '2' }, 'b', true);
    expect(dataOf(forced)).toEqual({ x: '2' });
    expect(() => apply(forced, { x: '3' })).toThrow('conflict with "b"');
  });

  test('of what is there leaves no trace', () => {
    const first = apply(undefined, { x: '1' });
    expect(applied(configMapKind, first, config({ x: '1' }), { ...manager('a'), time: '2027-01-01T00:00:00Z' }, false)).toEqual(first);
  });

  test('knows what updates have changed', () => {
    const first = apply(undefined, { x: '1', y: '1' });
    const updated = afterUpdate(configMapKind, first, { ...first, ...config({ x: '2', y: '1' }) }, manager('edit'));
    expect(() => apply(updated, { x: '1', y: '1' })).toThrow('conflict with "edit"');
    const byNobody = afterUpdate(configMapKind, first, { ...first, ...config({ x: '2', y: '1' }) }, undefined);
    expect(dataOf(apply(byNobody, { x: '1', y: '1' }))).toEqual({ x: '1', y: '1' });
  });
});
