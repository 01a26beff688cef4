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
});
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
});

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
});

test('only the line that was pressed ends the trip, however much others press meanwhile', async () => {
  const [ada, cleo] = [await openAs('ada.a.test'), await openAs('cleo.b.test')];
  const { promise: others, resolve: letGo } = Promise.withResolvers<void>();
  await ada.page.route('**/com.atproto.repo.putRecord', async (route) => {
    await others;
    await route.continue();
  });
  await ada.page.getByTestId('reaction-👏').click();
  await cleo.page.getByTestId('reaction-🐦').click();
  await eventually('the bird is counted', async () => (await countOf(ada.page, '🐦')) === 1);
  expect(await ada.page.getByTestId('roundtrip').textContent()).toBe('👏: writing at your server…');
  letGo();
  await ada.page.getByTestId('roundtrip').getByText(/^👏: at your server after \d+ ms, back as a new count after \d+ ms$/).waitFor();
  expect([...ada.faults, ...cleo.faults]).toEqual([]);
  await Promise.all([ada.page.close(), cleo.page.close()]);
});

test('a server that does not answer is named, the text is kept to be sent again, and another user sees none of it', async () => {
  const { page } = await openAs('ben.a.test');
  const server = new URL(network.pds[0]).host;
  const writes = /com\.atproto\.repo\./;
  await page.route(writes, (route) => route.abort());
  await page.getByTestId('reaction-👀').click();
  await page.getByTestId('roundtrip').getByText(`ben.a.test could not write: ${server} does not answer`).waitFor();
  await page.getByTestId('message-input').fill('are you there?');
  await page.keyboard.press('Enter');
  await page.getByTestId('outgoing').getByText(`not sent: ${server} does not answer`).waitFor();
  await page.getByTestId('user-cleo.b.test').click();
  await page.getByTestId('present-cleo.b.test').waitFor();
  expect([await page.getByTestId('outgoing').count(), await page.getByTestId('roundtrip').getAttribute('data-fault')]).toEqual([0, 'false']);
  await page.getByTestId('user-ben.a.test').click();
  await page.unroute(writes);
  await page.getByRole('button', { name: 'Send again' }).click();
  await page.getByTestId('message').getByText('are you there?').waitFor();
  await eventually('nothing is on its way any more', async () => (await page.getByTestId('outgoing').count()) === 0);
  await page.close();
});

test('a press with the keyboard works, and nothing sticks out of its card on a phone', async () => {
  const page = await browser.newPage({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  await page.goto(`${network.appview}?as=dora.b.test`);
  await page.getByTestId('connection-state').getByText('Live').waitFor();
  expect(await page.getByText('Loading…').count()).toBe(0);
  await page.getByTestId('message-input').fill('a_word_without_a_place_to_break_'.repeat(8));
  await page.keyboard.press('Enter');
  await page.getByTestId('message').getByText('a_word_without').waitFor();
  const before = await countOf(page, '🎉');
  const wasMine = (await page.getByTestId('reaction-🎉').getAttribute('aria-pressed')) === 'true';
  await page.getByTestId('reaction-🎉').press('Space');
  await eventually('the press counts', async () => (await countOf(page, '🎉')) === before + (wasMine ? -1 : 1));
  const sticksOut = await page.evaluate<string[]>(`[...document.querySelectorAll('.card')].flatMap((card) => {
    const edge = card.getBoundingClientRect().right - Number.parseFloat(getComputedStyle(card).paddingRight);
    return [...card.children].filter((child) => child.getBoundingClientRect().right > edge + 0.5).map((child) => child.className);
  })`);
  expect(sticksOut).toEqual([]);
  expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBe(0);
  await page.close();
});
