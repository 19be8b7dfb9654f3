// Bookinfo through the whole mesh: gateway, sidecars, programs; and how it answers when the rules change.
import { afterEach, describe, expect, test } from 'vitest';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { useMesh } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
    - {name: v3, labels: {version: v3}}
`;

function reviews(http: string): string {
  return `${subsets}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: ${http}
`;
}

const weights = (v1: number, v3: number) =>
  reviews(
    `[{route: [{destination: {host: reviews, subset: v1}, weight: ${v1}}, {destination: {host: reviews, subset: v3}, weight: ${v3}}]}]`,
  );

afterEach(async () => {
  await mesh.delete(virtualServiceKind, 'reviews', 'ratings');
  await mesh.delete(destinationRuleKind, 'reviews');
  await until('reviews are spread again', async () => new Set(await versions(6)).size === 3);
});

/** Which version wrote the reviews of the page: by its stars. */
async function version(headers: Record<string, string> = {}): Promise<string> {
  const { status, body } = await mesh.get('/api/v1/products/0/reviews', headers);
  if (status !== 200) return `status ${status}`;
  const { podname } = JSON.parse(body) as { podname: string };
  return /^reviews-(v\d)-/.exec(podname)?.[1] ?? podname;
}

async function versions(count: number, headers: Record<string, string> = {}): Promise<string[]> {
  const found: string[] = [];
  for (let i = 0; i < count; i++) found.push(await version(headers));
  return found;
}

const tally = (values: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
};

describe('without rules', () => {
  test('the product page comes through the gateway with details and reviews', async () => {
    const { status, headers, body } = await mesh.get('/productpage');
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/html');
    expect(body).toContain('The Comedy of Errors');
    expect(body).toContain('Reviews served by');
    expect(body).not.toContain('Error fetching');
  });

  test('the versions of reviews take turns', async () => {
    const counts = tally(await versions(60));
    expect(Object.keys(counts).sort()).toEqual(['v1', 'v2', 'v3']);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThanOrEqual(5);
  });

  test.each([
    ['a path that no route has', '/nothing-here', 404],
    ['a book by number', '/api/v1/products/0', 200],
  ])('%s', async (_, where, status) => {
    expect((await mesh.get(where)).status).toBe(status);
  });
});

describe('with rules', () => {
  test('a user is sent to the version that is theirs, by header and by the cookie of a login', async () => {
    await mesh.apply(
      reviews(`
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: reviews, subset: v2}}]
    - route: [{destination: {host: reviews, subset: v1}}]`),
    );
    await until('the rule is in effect', async () => tally(await versions(10))['v1'] === 10);
    expect(tally(await versions(10))).toEqual({ v1: 10 });
    expect(tally(await versions(10, { 'end-user': 'jason' }))).toEqual({ v2: 10 });
    expect(tally(await versions(5, { 'end-user': 'jasons' }))).toEqual({ v1: 5 });

    const login = await mesh.ask('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'username=jason&passwd=',
    });
    expect([login.status, login.headers.location]).toEqual([302, '/productpage']);
    const cookie = login.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const page = await mesh.get('/productpage', { cookie });
    expect(page.body).toContain('jason');
    expect(page.body).toContain('color: black');
    expect(tally(await versions(5, { cookie }))).toEqual({ v2: 5 });
    const logout = await mesh.get('/logout', { cookie });
    expect(logout.headers['set-cookie']?.[0]).toMatch(/^session=;/);
  });

  test('weights split 90 to 10, and change while requests are made', async () => {
    await mesh.apply(weights(90, 10));
    await until('v2 gets nothing', async () => !(await versions(8)).includes('v2'));
    const counts = tally(await versions(500));
    expect(Object.keys(counts).sort()).toEqual(['v1', 'v3']);
    // Five standard deviations of a share of 10% in 500.
    expect(counts['v3']).toBeGreaterThan(16);
    expect(counts['v3']).toBeLessThan(84);

    const { failures } = await mesh.during('/api/v1/products/0/reviews', async () => {
      for (const v3 of [50, 80, 20, 100]) await mesh.apply(weights(100 - v3, v3));
      await until('all go to v3', async () => (await versions(6)).every((each) => each === 'v3'));
    });
    expect(failures).toEqual([]);
    expect(tally(await versions(20))).toEqual({ v3: 20 });
  });

  test('a fault aborts for one user, and says so on the page', async () => {
    await mesh.apply(`${reviews('[{route: [{destination: {host: reviews, subset: v2}}]}]')}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings}
spec:
  hosts: [ratings]
  http:
    - match: [{headers: {end-user: {exact: jason}}}]
      fault: {abort: {percentage: {value: 100}, httpStatus: 555}}
      route: [{destination: {host: ratings}}]
    - route: [{destination: {host: ratings}}]`);
    await until(
      'ratings are refused to jason',
      async () => (await mesh.get('/api/v1/products/0/ratings', { 'end-user': 'jason' })).status === 555,
    );
    expect((await mesh.get('/api/v1/products/0/ratings')).status).toBe(200);
    await until('v2 serves', async () => (await version()) === 'v2');
    expect((await mesh.get('/productpage', { 'end-user': 'jason' })).body).toContain('Ratings service is currently unavailable');
    expect((await mesh.get('/productpage')).body).toContain('color: black');
  });

  test('a delay holds a request back, and the timeout of a route before it ends it', async () => {
    const timeouts = (timeout: string) => `${reviews(`[{timeout: ${timeout}, route: [{destination: {host: reviews, subset: v2}}]}]`)}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings}
spec:
  hosts: [ratings]
  http:
    - fault: {delay: {percentage: {value: 100}, fixedDelay: 0.25s}}
      route: [{destination: {host: ratings}}]`;
    await mesh.apply(timeouts('5s'));
    await until('ratings are late', async () => {
      const start = performance.now();
      const { status } = await mesh.get('/api/v1/products/0/ratings');
      // A delay is never shorter than asked for; how much longer it is, is not asserted.
      return status === 200 && performance.now() - start >= 249;
    });
    expect(await version()).toBe('v2');
    await mesh.apply(timeouts('0.1s'));
    await until('reviews come too late', async () => (await version()) === 'status 504');
  });
});
