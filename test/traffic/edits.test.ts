// Change without loss: a thousand edits, in random order and at random moments, under steady traffic; no request may fail. Subsets are renamed, rules
// reordered, hosts moved from one resource to another, policies changed, rules taken away altogether. A failure prints the seed.
import { expect, test } from 'vitest';
import { type Random, SeededRandom } from '#foundation/random';
import { useTrafficMesh } from './use-traffic-mesh.ts';

const seed = 20_261_121;
const edits = 1000;
const clients = 4;

const town = useTrafficMesh();

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}

/** Two resources that belong together, under names of this edit: whichever comes first, requests are to go on. */
function edit(random: Random, revision: number): string[] {
  const names = shuffled(random, ['v1', 'v2', 'v3']).map((version) => ({ version, name: `${version}-r${revision}` }));
  const subsets = names.map(({ version, name }) => `{name: ${name}, labels: {version: ${version}}}`).join(', ');
  const balancer = pick(random, ['{simple: ROUND_ROBIN}', '{simple: RANDOM}', '{consistentHash: {httpHeaderName: x-user}}']);
  const matches = shuffled(random, ['uri: {prefix: /a}', 'headers: {x-user: {exact: ann}}', 'uri: {exact: /b}']);
  const to = () => {
    const [a, b] = [pick(random, names), pick(random, names)];
    const weight = pick(random, [1, 50, 99]);
    return a === b
      ? `route: [{destination: {host: reviews, subset: ${a.name}}}]`
      : `route: [{destination: {host: reviews, subset: ${a.name}}, weight: ${weight}}, {destination: {host: reviews, subset: ${b.name}}, weight: ${100 - weight}}]`;
  };
  const http = [...matches.map((match) => `{match: [{${match}}], ${to()}}`), `{${to()}}`].join(', ');
  // The host of ratings moves between the two VirtualServices.
  const [mine, other] = pick(random, [
    ['[reviews, ratings-alias.example]', '[unused.example]'],
    ['[reviews]', '[ratings-alias.example]'],
  ] as const);
  const head = (kind: string, name: string) =>
    `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: default}\n`;
  return [
    `${head('DestinationRule', 'reviews')}spec: {host: reviews, trafficPolicy: {loadBalancer: ${balancer}}, subsets: [${subsets}]}`,
    `${head('VirtualService', 'reviews')}spec: {hosts: ${mine}, http: [${http}]}`,
    `${head('VirtualService', 'second')}spec: {hosts: ${other}, http: [{route: [{destination: {host: ratings}}]}]}`,
  ];
}

test(`${edits} random edits under load: no request fails`, { timeout: 120_000 }, async () => {
  const { mesh } = town;
  const random = new SeededRandom(seed);
  const failures: string[] = [];
  let requests = 0;
  let deleted = 0;
  let bare = false;
  let over = false;
  const client = async (user: string) => {
    while (!over) {
      const path = pick(random, ['/', '/a', '/b']);
      const reply = await mesh
        .call({ url: `http://reviews:9080${path}`, headers: { 'x-user': user } })
        .catch((error: unknown) => String(error));
      requests++;
      if (typeof reply === 'string') failures.push(reply);
      else if (reply.status !== 200) failures.push(`${reply.status} ${reply.body} to request ${requests} at ${path} of ${user}`);
    }
  };
  await mesh.apply(edit(random, 0).join('\n---\n'));
  const load = Array.from({ length: clients }, (_, i) => client(i % 2 === 0 ? 'ann' : 'ben'));
  try {
    for (let done = 0, revision = 1; done < edits; revision++) {
      const resources = shuffled(random, edit(random, revision));
      done += resources.length;
      // At once, or one after the other with the loop turning a few times between.
      if (bare || random.next() < 0.3) mesh.offer(resources.join('\n---\n'));
      else
        for (const resource of resources) {
          mesh.offer(resource);
          for (let turns = Math.floor(random.next() * 20); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
        }
      bare = false;
      if (random.next() < 0.1) await mesh.untilSynced();
      // Without rules, requests go to the service as a whole. Subsets go with the rules that send requests to them, never before.
      if (random.next() < 0.15) {
        const rules = shuffled(random, ['reviews', 'second']).map((name) => ({ kind: 'VirtualService', name }));
        const gone = random.next() < 0.5 ? rules : shuffled(random, [...rules, { kind: 'DestinationRule', name: 'reviews' }]);
        // Rules that come anew have no last good version to wait behind: they come with their subsets.
        bare = true;
        done += gone.length;
        deleted += gone.length;
        mesh.withdraw(gone);
      }
    }
    await mesh.untilSynced();
  } finally {
    over = true;
    await Promise.all(load);
  }
  expect(failures.slice(0, 5), `seed ${seed}: ${failures.length} of ${requests} requests`).toEqual([]);
  expect(requests).toBeGreaterThan(edits / 10);
  expect(deleted).toBeGreaterThan(edits / 20);
  expect(mesh.problems).toEqual([]);
});
