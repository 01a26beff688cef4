/** The relay's status pages in a real browser: live chart, hosts, one host; wide and on a phone; nothing is refused by the page's policy. */
import { chromium, type Browser, type Page } from 'playwright-core';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';
import type { FakeHost } from '../relay/fixture/test-relay.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let relay: TestRelay;
let browser: Browser;
let host: FakeHost;
let sending: ReturnType<typeof setInterval>;
beforeAll(async () => {
  [relay, browser] = await Promise.all([TestRelay.start(), chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags })]);
  host = await relay.crawledHost();
  const alice = relay.register(new FakeAccount(), host);
  host.send(new FakeAccount().commit());
  sending = setInterval(() => host.send(alice.commit()), 100);
});
afterAll(async () => {
  clearInterval(sending);
  await browser?.close();
  await relay?.close();
});

async function open(path: string, width: number): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(relay.relay.url + path);
  return { page, faults };
}

const points = async (page: Page): Promise<number> => Number(await page.locator('#chart').getAttribute('data-points'));
const isWide = (page: Page): Promise<boolean> => page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth + 1');

test.each([['a desk', 1280], ['a phone', 390]])('the pages live and fit on %s', async (_where, width) => {
  const home = await open('/', width);
  await eventually('the chart draws', async () => (await points(home.page)) >= 2);
  expect(await home.page.locator('#chart canvas').count()).toBe(1);
  await eventually('the rate is shown', async () => Number(await home.page.locator('#rate').textContent()) > 0);
  const hosts = await open('/status', width);
  await hosts.page.getByText(host.hostname).waitFor();
  const one = await open(`/status/${host.hostname}`, width);
  await eventually('the chart of the host draws', async () => (await points(one.page)) >= 1);
  await one.page.getByText('Connected: the relay reads its stream.').waitFor();
  await one.page.locator('code', { hasText: 'unknownAccount' }).waitFor();
  for (const { page, faults } of [home, hosts, one]) {
    expect(await isWide(page)).toBe(false);
    expect(faults).toEqual([]);
    await page.close();
  }
});
