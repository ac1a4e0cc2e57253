// Opens the pages of the server in a headless Chromium: the documentation shows every operation and calls one, and no page
// asks for what its Content-Security-Policy forbids.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { SERVER, CHROMIUM, PICTURES } = process.env;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1300, height: 1000 } });
page.setDefaultTimeout(20_000);
page.on('pageerror', (error) => { throw error; });
const said = [];
page.on('console', (message) => { if (message.type() === 'error') said.push(`${page.url()}: ${message.text()}`); });
const asked = [];
page.on('request', (request) => { if (!/^(data|blob):/.test(request.url())) asked.push(request.url()); });

for (const path of ['/', '/problems', '/problems/not_found', '/guides/sync']) {
  const answer = await page.goto(SERVER + path);
  assert.equal(answer.status(), 200, path);
}
await page.goto(`${SERVER}/problems`);
assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('i')).color), 'rgb(85, 85, 85)');

await page.goto(`${SERVER}/docs`);
await page.waitForSelector('.opblock-tag');
for (const tag of await page.locator('.opblock-tag').all()) await tag.click();
const operations = Object.values((await (await fetch(`${SERVER}/openapi.json`)).json()).paths).flatMap((path) => Object.keys(path));
assert.equal(await page.locator('.opblock').count(), operations.length);
const health = page.locator('.opblock', { has: page.locator('[data-path="/healthz"]') });
await health.locator('.opblock-summary-control').click();
await health.locator('.try-out__btn').click();
await health.locator('.execute').click();
await health.locator('.live-responses-table .response-col_status:text("200")').waitFor();
await page.click('.btn.authorize');
await page.waitForSelector('.auth-container');
await page.screenshot({ path: `${PICTURES}/docs.png` });

assert.deepEqual(said, []);
assert.deepEqual(asked.filter((url) => !url.startsWith(SERVER)), []);

// No other page shows one of them.
const frame = await browser.newPage();
const refused = frame.waitForEvent('console', (message) => message.text().includes('frame-ancestors'));
await frame.setContent(`<iframe src="${SERVER}/docs/"></iframe>`);
await refused;
await browser.close();
