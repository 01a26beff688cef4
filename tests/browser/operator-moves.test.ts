/** The operator's page on moves in Chromium: who is moving in, how far; one is stopped with a reason, its person is told, and it goes on. */
import type { Browser } from 'playwright-core';
import { arrive, newMover, startTwoHomes, type TwoHomes } from '../pds/moving/two-homes.ts';
import { openBrowser, openPage } from './open-page.ts';

let homes: TwoHomes;
let browser: Browser;
beforeAll(async () => {
  [homes, browser] = await Promise.all([startTwoHomes({ PDS_INVITE_REQUIRED: 'false' }), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await homes?.close();
});

test('moves are shown; one is stopped with a reason and let go on', async () => {
  const mover = await newMover(homes, 'ada', { files: 1 });
  const fresh = await arrive(homes, mover, 'ada');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  const { page, faults } = await openPage(browser);
  await page.goto(`${homes.fresh.url}/admin`);
  await page.locator('input[name=password]').fill('operator');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('nav').getByRole('link', { name: 'Moves' }).click();
  const row = page.locator('#moves li');
  await row.getByText('identity: the person\'s turn').waitFor();
  expect(await row.innerText()).toContain(`@ada.example from ${new URL(homes.old.url).host}`);
  await row.getByRole('button', { name: 'Stop' }).click();
  await row.locator('input[name=reason]').fill('write to us');
  await page.keyboard.press('Enter');
  await row.getByText('has stopped this move: write to us').waitFor();
  expect(await fresh.status()).toMatchObject({ state: 'stopped', stop: { code: 'StoppedByOperator' } });
  await row.getByRole('button', { name: 'Let it go on' }).click();
  await row.getByText('the person\'s turn').waitFor();
  await fresh.reaches('identity', 'yourTurn');
  await page.getByText('Those that are done, too').click();
  await page.getByText('All moves into this server').waitFor();
  expect(faults).toEqual([]);
  await page.context().close();
});
