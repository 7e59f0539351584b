import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageServer } from '../../../../tools/io/loopback.ts';
import { servePage } from '../../../../tools/missing/browser.ts';
import { launchBrowser } from '../../../launch-browser.ts';
import { scratch } from '../../../tools/missing/scratch.ts';
import { makeIncident } from '../../../tools/missing/servers.ts';
import { logsOf } from './logs.ts';

let browser: Browser;
let server: PageServer;

beforeAll(async () => {
  server = await servePage();
  browser = await launchBrowser();
}, 120_000);

afterAll(async () => {
  await browser.close();
  await server.close();
});

describe('the page', () => {
  it('finds what is missing, exactly, with the engine in WebAssembly, and offers it as a file', async () => {
    const directory = scratch();
    const incident = makeIncident(directory, { seed: 12, ids: 'mixed', servers: 20, documents: 20_000 });
    const logs = (await logsOf(directory)).map(({ name, bytes: buffer }) => ({ name, mimeType: 'text/plain', buffer }));
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(server.url);
    await page.getByLabel('Signed documents').setInputFiles(join(directory, 'signed.txt'));
    await page.getByLabel('Logs, plain or gzip').setInputFiles(logs);
    await page.getByRole('button', { name: 'Find' }).click();
    const save = page.getByRole('link', { name: 'Save the missed IDs' });
    await save.waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
    const missed = readFileSync(await download.path(), 'latin1')
      .slice(0, -1)
      .split('\n');
    expect(missed.sort()).toEqual(incident.missed.toSorted());
    expect(await page.getByRole('status').textContent()).toBe(
      `${incident.missed.length} of 20,000 signed documents were never notified.`,
    );
    expect(await page.getByRole('row', { name: 'Time' }).textContent()).toContain('(WebAssembly)');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says what is wrong with the input', async () => {
    const directory = scratch({ signed: 'A1\n', 'x.log': 'nothing\n' });
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.getByRole('button', { name: 'Find' }).click();
    await expect.poll(() => page.getByRole('status').textContent()).toContain('Choose the list of signed documents');
    await page.getByLabel('Signed documents').setInputFiles(join(directory, 'signed'));
    await page.getByLabel('Logs, plain or gzip').setInputFiles(join(directory, 'x.log'));
    await page.getByRole('button', { name: 'Find' }).click();
    await expect.poll(() => page.getByRole('status').textContent()).toContain('error: the pattern matches none of 1');
    await page.close();
  });
});

describe('the page’s server', () => {
  it('answers on this machine only, under its own name, and with what it has', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await fetch(server.url);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await fetch(`${server.url}package.json`)).status).toBe(404);
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
  });
});
