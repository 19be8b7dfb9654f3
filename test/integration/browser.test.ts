// A person's way through Bookinfo in a real browser: Debian's Chromium, driven by playwright-core.
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useMesh } from './mesh-fixture.ts';
import { until } from './until.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));
const whyNot = executablePath === undefined ? 'no Chromium is installed (Debian: apt-get install chromium)' : undefined;

const mesh = useMesh();
let browser: Browser | undefined;
let page: Page;

beforeAll(async () => {
  if (executablePath === undefined) return;
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
  ];
  browser = await chromium.launch({ executablePath, args });
  page = await browser.newPage();
});

afterAll(() => browser?.close());

const rules = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v3, labels: {version: v3}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: reviews, subset: v3}}]
    - route: [{destination: {host: reviews, subset: v1}}]
`;

test('the product page is rendered; who signs in as jason sees red stars, who does not sees none', async ({ skip }) => {
  if (whyNot !== undefined) skip(whyNot);
  await mesh.apply(rules);
  // Round robin over three versions does not give the first one five times.
  await until('the rules are in force', async () => {
    for (let i = 0; i < 5; i++) if (!(await mesh.get('/api/v1/products/0/reviews')).body.includes('reviews-v1')) return false;
    return true;
  });
  const failed: string[] = [];
  page.on('response', (response) => void (response.status() >= 400 && failed.push(`${response.status()} ${response.url()}`)));
  await page.goto(`${mesh.gateway}/productpage`);
  expect(await page.title()).toBe('The Comedy of Errors');
  expect(await page.locator('.card table tr').count()).toBe(7);
  await page.reload();
  expect(await page.locator('.stars').count()).toBe(0);

  await page.fill('input[name=username]', 'jason');
  await page.click('text=Sign in');
  await page.waitForSelector('text=Sign out');
  expect(await page.locator('.stars').allTextContents()).toEqual(['★★★★★', '★★★★☆']);
  expect(
    await page
      .locator('.stars')
      .first()
      .evaluate((element) => (element as unknown as { style: { color: string } }).style.color),
  ).toBe('red');
  expect((await page.screenshot()).length).toBeGreaterThan(10_000);

  await page.click('text=Sign out');
  await page.waitForSelector('text=Sign in');
  expect(await page.locator('.stars').count()).toBe(0);
  expect(failed).toEqual([]);
});
