// What a container's command and variables become where its volumes cover the machine's own paths, as /tmp does of a checkout there.
import { expect, test } from 'vitest';
import { type Container, type ContainerSurroundings, planContainer } from '#host/container';
import { ImageMap } from '#host/image-map';

const mounts = [
  { source: '/state/volumes/tmp', path: '/tmp', readOnly: false },
  { source: '/state/volumes/config', path: '/etc/app', readOnly: true },
];
const container = {
  name: 'app',
  image: 'shop',
  args: ['--config=/etc/app/a.yaml'],
  env: [{ name: 'CACHE', value: '/tmp/cache' }],
} as Container;

function planned(own: Partial<Container>, hasMounts: boolean) {
  const surroundings = {
    pod: { metadata: { name: 'app-1' }, spec: { containers: [] } },
    network: { addresses: { pod: '127.64.0.2', loopback: '127.65.0.2' }, environment: {}, mounts: hasMounts },
    apiAddress: { address: '127.0.0.1', port: 6443 },
    machine: { cpus: 2, memoryBytes: 2 ** 30 },
    mountsOf: () => ({ mounts, variables: { LATEEN_VOLUME_CONFIG: '/state/volumes/config' } }),
    images: new ImageMap([{ image: 'shop', command: ['$(NODE)', '/tmp/checkout/shop.js', '$(LATEEN_VOLUME_CONFIG)'], env: {} }]),
    node: '/usr/bin/node',
    inherited: { PATH: '/tmp/bin:/usr/bin' },
    settings: { missing: () => undefined, whole: () => ({}), one: () => undefined },
  } as unknown as ContainerSurroundings;
  const plan = planContainer({ ...container, ...own }, surroundings);
  if (plan.kind !== 'run') throw new Error(plan.message);
  return {
    command: plan.command,
    path: plan.env['PATH'],
    cache: plan.env['CACHE'],
    mounts: plan.mounts.map(({ path }) => path),
    leftOut: plan.leftOut,
  };
}

test('without mounts, what is of the machine stays, and what the pod says is told where its volumes are', () => {
  expect(planned({}, false)).toEqual({
    command: ['/usr/bin/node', '/tmp/checkout/shop.js', '/state/volumes/config'],
    path: '/tmp/bin:/usr/bin',
    cache: '/state/volumes/tmp/cache',
    mounts: ['/tmp', '/etc/app'],
    leftOut: [],
  });
  expect(planned({ image: 'none', command: ['/tmp/run', '/etc/app/b'] }, false).command).toEqual([
    '/state/volumes/tmp/run',
    '/state/volumes/config/b',
    '--config=/state/volumes/config/a.yaml',
  ]);
});

test('with mounts, none hides the program that stands for the image', () => {
  expect(planned({}, true)).toMatchObject({ cache: '/tmp/cache', mounts: ['/etc/app'], leftOut: ['/tmp'] });
  expect(planned({ image: 'none', command: ['/tmp/run'] }, true)).toMatchObject({
    command: ['/tmp/run', '--config=/etc/app/a.yaml'],
    mounts: ['/tmp', '/etc/app'],
  });
});
