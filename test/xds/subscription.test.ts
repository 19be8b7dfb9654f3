// The two subscription machines, step by step: each case is a conversation.
import { describe, expect, test } from 'vitest';
import { DeltaDiscoveryRequest, DiscoveryRequest } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { DeltaSubscription } from '#xds/delta-subscription';
import { createResource, type ResourceSet } from '#xds/resource';
import { subscribedName, type TypeUrl, typeUrl } from '#xds/resource-type';
import { SotwSubscription } from '#xds/sotw-subscription';
import type { Interest } from '#xds/subscription';

/** `{a: 1}`: resource `a` at a version that follows from its content, 1. */
type World = Record<string, number>;

const versionOf = (name: string, content: number) => createResource(typeUrl.cluster, name, Buffer.from(`${name}=${content}`)).version;

function resourcesOf(type: TypeUrl, world: World, interest: Interest): ResourceSet {
  const wanted = Object.entries(world).filter(([name]) => interest.wildcard || interest.names.has(subscribedName(type, name)));
  return new Map(wanted.map(([name, content]) => [name, createResource(type, name, Buffer.from(`${name}=${content}`))]));
}

const contentOf = (value: Buffer | undefined) => value?.toString() ?? '';

interface SotwStep {
  /** A request from the client; `nonce` as it says it. */
  ask?: { names?: string[]; nonce?: string; error?: string };
  /** The server's turn without a request. */
  push?: { retain?: boolean };
  world?: World;
  verdict?: 'none' | 'ack' | 'nack' | 'stale';
  /** What is sent, `undefined` for nothing. */
  sent?: string[] | undefined;
  status?: string;
}

const sotwCases: { name: string; type: TypeUrl; steps: SotwStep[] }[] = [
  {
    name: 'no names on a first request for clusters mean everything, and a change sends everything again',
    type: typeUrl.cluster,
    steps: [
      { ask: {}, world: { a: 1, b: 1 }, verdict: 'none', sent: ['a=1', 'b=1'], status: 'STALE' },
      { ask: { nonce: '1' }, verdict: 'ack', sent: undefined, status: 'SYNCED' },
      { push: {}, sent: undefined },
      { push: {}, world: { a: 2, b: 1 }, sent: ['a=2', 'b=1'] },
      { ask: { nonce: '2' }, verdict: 'ack', status: 'SYNCED' },
      { push: {}, world: { a: 2 }, sent: ['a=2'] },
    ],
  },
  {
    name: 'no names on a first request for routes mean nothing',
    type: typeUrl.route,
    steps: [{ ask: {}, world: { a: 1 }, sent: [] }],
  },
  {
    name: 'of named types only what changed is sent, and what is newly asked for',
    type: typeUrl.endpoint,
    steps: [
      { ask: { names: ['a', 'b'] }, world: { a: 1, b: 1, c: 1 }, sent: ['a=1', 'b=1'] },
      { ask: { names: ['a', 'b', 'c'], nonce: '1' }, verdict: 'ack', sent: ['c=1'] },
      { ask: { names: ['a', 'b', 'c'], nonce: '2' }, verdict: 'ack', sent: undefined },
      { push: {}, world: { a: 2, b: 1, c: 1 }, sent: ['a=2'] },
    ],
  },
  {
    name: 'a name given up and asked for again is sent again',
    type: typeUrl.endpoint,
    steps: [
      { ask: { names: ['a', 'b'] }, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'] },
      { ask: { names: ['b'], nonce: '1' }, verdict: 'ack', sent: undefined },
      { ask: { names: ['a', 'b'], nonce: '1' }, verdict: 'none', sent: ['a=1'] },
    ],
  },
  {
    name: 'a request with the nonce of an older response is stale, whatever it asks for',
    type: typeUrl.endpoint,
    steps: [
      { ask: { names: ['a'] }, world: { a: 1, b: 1 }, sent: ['a=1'] },
      { push: {}, world: { a: 2, b: 1 }, sent: ['a=2'] },
      { ask: { names: ['a'], nonce: '2' }, verdict: 'ack', status: 'SYNCED' },
      { ask: { names: ['a', 'b'], nonce: '1' }, verdict: 'stale', sent: undefined },
    ],
  },
  {
    name: 'a refusal is remembered until something is accepted, and is not answered with the same again',
    type: typeUrl.cluster,
    steps: [
      { ask: {}, world: { a: 1 }, sent: ['a=1'] },
      { ask: { nonce: '1', error: 'no such policy' }, verdict: 'nack', sent: undefined, status: 'ERROR' },
      { push: {}, sent: undefined, status: 'ERROR' },
      { push: {}, world: { a: 2 }, sent: ['a=2'], status: 'STALE' },
      { ask: { nonce: '2' }, verdict: 'ack', status: 'SYNCED' },
    ],
  },
  {
    name: 'an empty list after names means nothing at all, and `*` everything',
    type: typeUrl.listener,
    steps: [
      { ask: { names: ['a'] }, world: { a: 1, b: 1 }, sent: ['a=1'] },
      { ask: { names: [], nonce: '1' }, verdict: 'ack', sent: undefined },
      { push: {}, world: { a: 2, b: 2 }, sent: undefined },
      { ask: { names: ['*'], nonce: '1' }, verdict: 'none', sent: ['a=2', 'b=2'] },
    ],
  },
  {
    name: 'what is gone stays as long as it is retained',
    type: typeUrl.cluster,
    steps: [
      { ask: {}, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'] },
      { ask: { nonce: '1' }, verdict: 'ack' },
      { push: { retain: true }, world: { a: 1, c: 1 }, sent: ['a=1', 'c=1', 'b=1'] },
      { ask: { nonce: '2' }, verdict: 'ack' },
      { push: {}, sent: ['a=1', 'c=1'] },
    ],
  },
];

describe('state of the world', () => {
  test.each(sotwCases)('$name', ({ type, steps }) => {
    const subscription = new SotwSubscription(type);
    let world: World = {};
    for (const [i, step] of steps.entries()) {
      world = step.world ?? world;
      let answer = step.push !== undefined;
      if (step.ask) {
        const { names = [], nonce = '', error } = step.ask;
        const reaction = subscription.receive(
          DiscoveryRequest.fromPartial({
            typeUrl: type,
            resourceNames: names,
            responseNonce: nonce,
            ...(error && { errorDetail: { message: error } }),
          }),
        );
        if (step.verdict) expect(reaction.verdict, `step ${i}`).toBe(step.verdict);
        answer = reaction.answer;
      }
      const response = answer
        ? subscription.answer(resourcesOf(type, world, subscription.interest), {
            version: `v${i}`,
            retain: step.push?.retain ?? false,
            force: step.push === undefined,
          })
        : undefined;
      if ('sent' in step)
        expect(
          response?.resources.map(({ value }) => contentOf(value)),
          `step ${i}`,
        ).toEqual(step.sent);
      if (step.status) expect(subscription.delivery.status, `step ${i}`).toBe(step.status);
    }
  });
});

interface DeltaStep {
  ask?: { add?: string[]; drop?: string[]; has?: World; nonce?: string; error?: string };
  push?: { retain?: boolean };
  world?: World;
  verdict?: 'none' | 'ack' | 'nack' | 'stale';
  sent?: string[] | undefined;
  removed?: string[];
  status?: string;
}

const deltaCases: { name: string; type?: TypeUrl; steps: DeltaStep[] }[] = [
  {
    name: 'a first request without names asks for everything; then only changes go out',
    steps: [
      { ask: {}, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'], removed: [] },
      { ask: { nonce: '1' }, verdict: 'ack', sent: undefined, status: 'SYNCED' },
      { push: {}, world: { a: 2, c: 1 }, sent: ['a=2', 'c=1'], removed: ['b'] },
      { push: {}, sent: undefined },
    ],
  },
  {
    name: 'a client that reconnects is sent what it does not have, and told what is gone',
    steps: [{ ask: { has: { a: 1, b: 1, x: 1 } }, world: { a: 1, b: 2, c: 1 }, sent: ['b=2', 'c=1'], removed: ['x'] }],
  },
  {
    name: 'a client that reconnects by name keeps what is current',
    steps: [{ ask: { add: ['a', 'b'], has: { a: 1, b: 1 } }, world: { a: 1, b: 2 }, sent: ['b=2'], removed: [] }],
  },
  {
    name: 'a name that does not exist is said to be removed, once, and sent when it comes',
    steps: [
      { ask: { add: ['a', 'nobody'] }, world: { a: 1 }, sent: ['a=1'], removed: ['nobody'] },
      { push: {}, sent: undefined },
      { push: {}, world: { a: 1, nobody: 1 }, sent: ['nobody=1'], removed: [] },
    ],
  },
  {
    name: 'a name subscribed to again is sent again, one given up is not',
    steps: [
      { ask: { add: ['a', 'b'] }, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'] },
      { ask: { add: ['a'], nonce: '1' }, verdict: 'ack', sent: ['a=1'] },
      { ask: { drop: ['b'], nonce: '2' }, verdict: 'ack', sent: undefined },
      { push: {}, world: { a: 1, b: 2 }, sent: undefined },
    ],
  },
  {
    name: 'names beside a wildcard: giving up the wildcard leaves the names',
    steps: [
      { ask: {}, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'] },
      { ask: { add: ['a'] }, sent: ['a=1'] },
      { ask: { drop: ['*'] }, sent: undefined },
      { push: {}, world: { a: 2, b: 2 }, sent: ['a=2'], removed: [] },
    ],
  },
  {
    name: 'a name given up under a wildcard is said again: still there, or gone',
    steps: [
      { ask: { add: ['*', 'a'] }, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'] },
      { ask: { drop: ['a'] }, sent: ['a=1'], removed: [] },
    ],
  },
  {
    name: 'an acknowledgement answers earlier responses as well; an older nonce is stale',
    steps: [
      { ask: {}, world: { a: 1 }, sent: ['a=1'] },
      { push: {}, world: { a: 2 }, sent: ['a=2'], status: 'STALE' },
      { ask: { nonce: '2' }, verdict: 'ack', status: 'SYNCED' },
      { ask: { nonce: '1' }, verdict: 'stale', status: 'SYNCED' },
    ],
  },
  {
    name: 'a refusal is kept, and what was refused is not sent until it changes',
    steps: [
      { ask: {}, world: { a: 1 }, sent: ['a=1'] },
      { ask: { nonce: '1', error: 'bad' }, verdict: 'nack', status: 'ERROR' },
      { push: {}, sent: undefined },
      { push: {}, world: { a: 2 }, sent: ['a=2'] },
      { ask: { nonce: '2' }, verdict: 'ack', status: 'SYNCED' },
    ],
  },
  {
    name: 'what is gone is not removed while it is retained',
    steps: [
      { ask: {}, world: { a: 1, b: 1 }, sent: ['a=1', 'b=1'] },
      { push: { retain: true }, world: { a: 2 }, sent: ['a=2'], removed: [] },
      { push: {}, sent: [], removed: ['b'] },
    ],
  },
  {
    name: 'virtual hosts are asked for by the name of their routes, and then sent one by one',
    type: typeUrl.virtualHost,
    steps: [
      { ask: { add: ['80', '81'] }, world: { '80/a': 1, '80/b': 1, '82/a': 1 }, sent: ['80/a=1', '80/b=1'], removed: ['81'] },
      { push: {}, world: { '80/a': 2, '80/b': 1, '82/a': 1 }, sent: ['80/a=2'], removed: [] },
      { push: {}, sent: undefined },
      { push: {}, world: { '80/b': 1, '81/a': 1 }, sent: ['81/a=1'], removed: ['80/a'] },
      { ask: { add: ['80'] }, sent: ['80/b=1'], removed: [] },
      { ask: { drop: ['80'] }, sent: undefined },
      { push: {}, world: { '80/b': 2, '81/a': 1 }, sent: undefined },
      { push: {}, world: { '80/b': 2 }, sent: [], removed: ['81/a'] },
    ],
  },
];

describe('delta', () => {
  test.each(deltaCases)('$name', ({ type = typeUrl.cluster, steps }) => {
    const subscription = new DeltaSubscription(type);
    let world: World = {};
    for (const [i, step] of steps.entries()) {
      world = step.world ?? world;
      let answer = step.push !== undefined;
      if (step.ask) {
        const { add = [], drop = [], has = {}, nonce = '', error } = step.ask;
        const reaction = subscription.receive(
          DeltaDiscoveryRequest.fromPartial({
            typeUrl: type,
            resourceNamesSubscribe: add,
            resourceNamesUnsubscribe: drop,
            initialResourceVersions: Object.fromEntries(Object.entries(has).map(([name, content]) => [name, versionOf(name, content)])),
            responseNonce: nonce,
            ...(error && { errorDetail: { message: error } }),
          }),
        );
        if (step.verdict) expect(reaction.verdict, `step ${i}`).toBe(step.verdict);
        answer = reaction.answer;
      }
      const response = answer
        ? subscription.answer(resourcesOf(type, world, subscription.interest), {
            version: `v${i}`,
            retain: step.push?.retain ?? false,
            force: step.push === undefined && (step.ask?.add?.length ?? 0) > 0,
          })
        : undefined;
      if ('sent' in step)
        expect(
          response?.resources.map(({ resource }) => contentOf(resource?.value)),
          `step ${i}`,
        ).toEqual(step.sent);
      if (step.removed) expect(response?.removedResources, `step ${i}`).toEqual(step.removed);
      if (step.status) expect(subscription.delivery.status, `step ${i}`).toBe(step.status);
    }
  });
});

describe('an answer among some names leaves the others as they are', () => {
  const type = typeUrl.endpoint;
  const of = (world: World) => resourcesOf(type, world, { wildcard: true, names: new Set() });
  const options = (among?: string[], retain = false) => ({ version: 'r', retain, force: false, ...(among && { among: new Set(among) }) });

  test('delta', () => {
    const subscription = new DeltaSubscription(type);
    subscription.receive(DeltaDiscoveryRequest.fromPartial({ typeUrl: type, resourceNamesSubscribe: ['a', 'b', 'c'] }));
    subscription.answer(of({ a: 1, b: 1, c: 1 }), options());
    const changed = subscription.answer(of({ a: 2 }), options(['a']));
    expect(changed).toMatchObject({ resources: [{ name: 'a' }], removedResources: [] });
    expect(subscription.answer(of({ a: 2 }), options(['a']))).toBeUndefined();
    expect(subscription.answer(of({}), options(['b'], true))).toBeUndefined();
    expect(subscription.retaining).toBe(true);
    // What is kept is still owed when others change.
    subscription.answer(of({ a: 3 }), options(['a'], true));
    expect(subscription.retaining).toBe(true);
    expect(subscription.answer(of({ a: 3, c: 1 }), options())).toMatchObject({ resources: [], removedResources: ['b'] });
  });

  test('state of the world', () => {
    const subscription = new SotwSubscription(type);
    subscription.receive(DiscoveryRequest.fromPartial({ typeUrl: type, resourceNames: ['a', 'b'] }));
    subscription.answer(of({ a: 1, b: 1 }), options());
    expect(subscription.answer(of({ a: 2 }), options(['a'], true))?.resources.map(({ value }) => contentOf(value))).toEqual(['a=2']);
    expect(subscription.answer(of({ a: 2 }), options(['a'], true))).toBeUndefined();
    expect(subscription.answer(of({ a: 2, b: 1 }), options())).toBeUndefined();
  });
});

test('the same bytes have the same version wherever they are made', () => {
  expect(createResource(typeUrl.route, 'x', Buffer.from('abc')).version).toBe(
    createResource(typeUrl.route, 'x', Uint8Array.from(Buffer.from('abc'))).version,
  );
});
