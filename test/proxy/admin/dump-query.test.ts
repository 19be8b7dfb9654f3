// What `/config_dump` leaves of a dump: by list, by mask, by name.
import { describe, expect, test } from 'vitest';
import type { Entry } from '#proxy/admin/config-dump';
import { type DumpQuery, selectDump } from '#proxy/admin/dump-query';

const dumps: Entry[] = [
  { '@type': 'B', bootstrap: { node: { id: 'n', cluster: 'c' } } },
  {
    '@type': 'C',
    dynamic_active_clusters: [
      { version_info: '1', cluster: { name: 'a', type: 'EDS' } },
      { version_info: '2', cluster: { name: 'ab', type: 'STATIC' } },
    ],
    dynamic_warming_clusters: [{ error_state: { failed_configuration: { name: 'a' } }, kind: 'cluster' }],
  },
  { '@type': 'L', dynamic_listeners: [{ name: 'l', active_state: { listener: { name: 'l' } } }] },
];

const cases: readonly (readonly [DumpQuery, unknown])[] = [
  [{}, dumps],
  [{ resource: 'dynamic_listeners' }, [dumps[2]!['dynamic_listeners']].flat()],
  [{ mask: 'bootstrap.node.id' }, [{ '@type': 'B', bootstrap: { node: { id: 'n' } } }]],
  [
    { mask: 'dynamic_active_clusters.cluster.name,dynamic_active_clusters.version_info' },
    [
      {
        '@type': 'C',
        dynamic_active_clusters: [
          { cluster: { name: 'a' }, version_info: '1' },
          { cluster: { name: 'ab' }, version_info: '2' },
        ],
      },
    ],
  ],
  [{ resource: 'dynamic_active_clusters', mask: 'cluster.type', nameRegex: 'a.' }, [{ cluster: { type: 'STATIC' } }]],
  [{ mask: 'nothing' }, []],
  [{ resource: 'dynamic_warming_clusters', nameRegex: 'a' }, dumps[1]!['dynamic_warming_clusters']],
  [{ resource: 'dynamic_listeners', nameRegex: 'x' }, []],
];

test.each(cases)('%j', (query, expected) => {
  expect(selectDump(dumps, query)).toEqual(expected);
});

describe('a query that cannot be followed says why', () => {
  test.each([
    [{ resource: 'dynamic_routes' }, 'dynamic_routes is no list of the dump: one of dynamic_active_clusters'],
    [{ nameRegex: '(' }, 'name_regex: missing closing )'],
    [{ mask: 'a,'.repeat(200) }, 'a mask of more than 100 paths'],
  ])('%j', (query, message) => {
    expect(() => selectDump(dumps, query)).toThrow(
      expect.objectContaining({ code: 'DUMP_QUERY', message: expect.stringContaining(message) }),
    );
  });
});
