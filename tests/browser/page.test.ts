/**
 * The demo page in a real browser: a reaction made at one PDS moves the count that another person sees, each person is counted
 * once, and people of both servers talk in the room.
 */
import { chromium, type Browser, type Page } from 'playwright-core';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

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

interface Opened {
  page: Page;
  faults: string[];
}

/** The page as one of the demo's people, live. */
async function openAs(handle: string): Promise<Opened> {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(network.appview);
  await page.getByTestId(`user-${handle}`).click();
  await page.getByTestId('connection-state').getByText('Live').waitFor();
  return { page, faults };
}

const countOf = async (page: Page, value: string): Promise<number> => Number(await page.getByTestId(`count-${value}`).textContent());
const people = async (page: Page): Promise<number> => Number(await page.getByTestId('people-total').textContent());

test('reactions by people of both servers move live on every page, and each person is counted once', async () => {
  const ada = await openAs('ada.a.test');
  const cleo = await openAs('cleo.b.test');
  await ada.page.getByTestId('reaction-🔥').click();
  for (const { page } of [ada, cleo]) await eventually('one fire on both pages', async () => (await countOf(page, '🔥')) === 1);
  await cleo.page.getByTestId('reaction-🔥').click();
  await cleo.page.getByTestId('reaction-🎉').click();
  for (const { page } of [ada, cleo]) {
    await eventually('two fires, one party, two people', async () => (await countOf(page, '🔥')) === 2 && (await countOf(page, '🎉')) === 1 && (await people(page)) === 2);
  }
  await cleo.page.getByTestId('like-button').click();
  for (const { page } of [ada, cleo]) {
    await page.getByTestId('source-app.bsky.feed.like').getByText('1').waitFor();
    expect(await people(page)).toBe(2);
  }
  await ada.page.getByTestId('reaction-🔥').click();
  for (const { page } of [ada, cleo]) await eventually('one fire is left', async () => (await countOf(page, '🔥')) === 1 && (await people(page)) === 1);
  const later = await openAs('dora.b.test');
  await eventually('a page opened later shows what is left', async () => (await countOf(later.page, '🔥')) === 1 && (await countOf(later.page, '🎉')) === 1);
  expect([...ada.faults, ...cleo.faults, ...later.faults]).toEqual([]);
  await later.page.close();
  await Promise.all([ada.page.close(), cleo.page.close()]);
}, 60_000);

test('people of both servers see each other in the room and talk', async () => {
  const [ben, dora] = [await openAs('ben.a.test'), await openAs('dora.b.test')];
  for (const { page } of [ben, dora]) {
    await page.getByTestId('present-ben.a.test').waitFor();
    await page.getByTestId('present-dora.b.test').waitFor();
  }
  await ben.page.getByTestId('message-input').fill('hello from server A');
  await ben.page.getByTestId('message-send').click();
  await dora.page.getByTestId('message').getByText('hello from server A').waitFor();
  await dora.page.getByTestId('message-input').fill('hello from server B <b>not bold</b>');
  await dora.page.getByTestId('message-send').click();
  await ben.page.getByTestId('message').getByText('hello from server B <b>not bold</b>').waitFor();
  const later = await openAs('ada.a.test');
  await later.page.getByTestId('message').getByText('hello from server A').waitFor();
  await later.page.close();
  await dora.page.close();
  await eventually('dora is gone from the room', async () => (await ben.page.getByTestId('present-dora.b.test').count()) === 0);
  expect([...ben.faults, ...dora.faults]).toEqual([]);
  await ben.page.close();
}, 60_000);
