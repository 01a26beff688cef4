/** The demo page in a real browser: a reaction made at one PDS moves the count, a message sent at the other appears. */
import { chromium, type Browser, type Page } from 'playwright-core';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let network: TestNetwork;
let browser: Browser;
beforeAll(async () => {
  [network, browser] = await Promise.all([
    startTestNetwork({ demo: true }),
    chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags }),
  ]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await network?.close();
});

async function openPage(): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(network.appview);
  return { page, faults };
}

test('the page opens without an error', async () => {
  const { page, faults } = await openPage();
  await page.getByTestId('connection').getByText(/live/i).waitFor();
  expect(faults).toEqual([]);
  await page.close();
}, 30_000);
