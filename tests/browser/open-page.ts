/**
 * Chromium for tests of our own pages: one browser a file, a new profile for each page, and whatever the page complains of.
 * Not for: passkeys, which need an authenticator (security.test.ts). Source: ours.
 */
import { chromium, type Browser, type Page } from 'playwright-core';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export interface OpenPage {
  page: Page;
  /** Errors of scripts and of the content policy; refusals of servers are none. */
  faults: string[];
  /** Bodies of requests by the address they went to. */
  sent: { url: string; body: string }[];
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
}

export async function openPage(browser: Browser): Promise<OpenPage> {
  const page = await (await browser.newContext()).newPage();
  const opened: OpenPage = { page, faults: [], sent: [] };
  page.on('pageerror', (error) => opened.faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && opened.faults.push(message.text()));
  page.on('request', (request) => opened.sent.push({ url: request.url(), body: request.postData() ?? '' }));
  return opened;
}
