/**
 * Our pages in a window as narrow as a small phone: nothing stands beyond its edge, and each says at which server one is.
 * Not for what the pages do; their own tests do that.
 */
import type { Browser } from 'playwright-core';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';
import { openBrowser } from './open-page.ts';

let small: SmallPds;
let browser: Browser;
beforeAll(async () => {
  [small, browser] = await Promise.all([startSmallPds({ environment: { PDS_SERVICE_NAME: 'Reeds & <Co>' } }), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await small?.close();
});

test('every page fits into 360 pixels and names its server', async () => {
  const page = await (await browser.newContext({ viewport: { width: 360, height: 640 } })).newPage();
  for (const path of ['/account/sign-up', '/account/security', '/account/passkey-sign-in', '/account/move-out', '/account/export', '/account/move-in', '/admin']) {
    await page.goto(`${small.url}${path}`);
    await page.locator('#page > *').first().waitFor();
    // The form with the widest fields: files.
    if (path === '/account/move-in') await page.locator('#restore').click();
    expect([path, await page.evaluate<number>('document.documentElement.scrollWidth'), await page.locator('.server').innerText()]).toEqual([path, 360, 'Reeds & <Co>']);
    expect(await page.title()).toMatch(/ · Reeds & <Co>$/);
  }
});
