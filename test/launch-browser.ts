import chromium from '@sparticuz/chromium';
import { chromium as launcher, type Browser } from 'playwright-core';

/** A Chromium of the packages' own, without a window. */
export async function launchBrowser(): Promise<Browser> {
  return launcher.launch({
    executablePath: await chromium.executablePath(),
    // Not the package's own list, which is for a Lambda: one process, gone with its first page.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    headless: true,
  });
}
