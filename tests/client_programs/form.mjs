// Draws every record type with docs/examples/form.html in a headless Chromium: a table with labels and names, a change of
// somebody else as it happens, a change saved, and the faults of a refused one beside their fields. Records with a state are
// moved on, with what a step needs.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const { SERVER, USERNAME, PASSWORD, PAGE, EXAMPLES, PICTURES, CHROMIUM } = process.env;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-/;

async function call(method, path, body, headers = {}) {
  const answer = await fetch(SERVER + path, { method, body: body && JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${text}`);
  return text && JSON.parse(text);
}

const { access_token } = await call('POST', '/v1/auth/login', { username: USERNAME, password: PASSWORD });
const authorization = { Authorization: `Bearer ${access_token}` };
const api = await call('GET', '/openapi.json');
const all = (await call('GET', '/v1/record_types', undefined, authorization)).items;
// Of what the caller does not read the page shows nothing.
const types = all.filter((type) => type.fields.some((field) => field.readable_in.length));
assert.ok(types.length > all.length - 3);
const example = (method, path) => api.paths[path][method].requestBody.content['application/json'].example;

// The demo has closed rounds only: results are made in an open one.
const rounds = {};
for (const [type, scheme] of [['member_evaluation', 'scheme-members'], ['unit_evaluation', 'scheme-cells']]) {
  const round = { unit_id: 'ext:demo:ward', scheme_id: `ext:demo:${scheme}`, year: 2014, quarter: 1 };
  rounds[type] = (await call('POST', '/v1/evaluation_rounds', round, authorization)).id;
}

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1500, height: 1000 } });
page.setDefaultTimeout(20_000);
page.on('pageerror', (error) => { throw error; });
// The page is served from an origin of its own, which the server lets in: CELL_RECORDS_CORS_ORIGINS.
const served = createServer(async (request, response) => {
  const name = new URL(request.url, PAGE).pathname.slice(1);
  const body = await readFile(`${EXAMPLES}/${name}`).catch(() => undefined);
  response.writeHead(body ? 200 : 404, { 'Content-Type': name.endsWith('.js') ? 'text/javascript' : 'text/html' }).end(body);
}).listen(new URL(PAGE).port, '127.0.0.1');
await page.goto(`${PAGE}/form.html?server=${SERVER}`);
await page.fill('[name=username]', USERNAME);
await page.fill('[name=password]', PASSWORD);
await page.click('text=Đăng nhập');
await page.waitForSelector('#types button');
assert.deepEqual(await page.locator('#types button').allTextContents(), types.map((type) => type.label_vi));

for (const type of types) {
  const loaded = page.waitForResponse((response) => response.url().startsWith(`${SERVER}${type.collection}?limit=50`));
  await page.click(`#types button[name=${type.name}]`);
  await page.waitForSelector(`#title:text-is("${type.label_vi}")`);
  // The page asked for the cursor of the changes before: what is made from now on comes by them alone.
  await loaded;

  await page.waitForSelector('#table th');
  // A table with Vietnamese labels, and names and labels in place of ids and codes.
  const labels = await page.locator('#table th').allTextContents();
  assert.ok(labels.length > 2 && labels.every((label) => type.fields.some((field) => field.label_vi === label)), `${type.name}: ${labels}`);

  // Nothing filled in: each fault is beside its field.
  await page.click('#form > button:text-is("Lưu")');
  await page.waitForSelector('#form .fault');
  const faulty = await page.locator('#form label:has(> .fault)').evaluateAll((lines) => lines.map((line) => line.id.slice(1)));
  assert.equal(faulty.length, await page.locator('.fault').count(), type.name);
  assert.ok(faulty.some((name) => type.fields.some((field) => field.name === name && field.required)), `${type.name}: ${faulty}`);

  // Somebody else makes a record: its row comes by itself.
  const body = { ...example('post', type.collection), ...(rounds[type.name] && { round_id: rounds[type.name] }) };
  const record = await call('POST', type.collection, body, authorization);
  const row = page.locator(`#table tr[id="${record.id}"]`);
  await row.waitFor();
  const cells = await page.locator('#table td').allTextContents();
  const bare = cells.find((cell) => UUID.test(cell) || /^[a-z_]+$/.test(cell));
  assert.equal(bare, undefined, `${type.name}: an id or a code in place of its name`);

  // It is opened, changed and saved.
  await row.click();
  const called = (await call('GET', `${type.collection}/${record.id}?expand=id`, undefined, { ...authorization, 'Accept-Language': 'vi' })).expanded[record.id].display;
  await page.waitForSelector(`#form h2:text-is("${called}")`);
  // References in lists, too, are names: of those who a vote was about.
  const chosen = await page.locator('#form select option:checked').allTextContents();
  assert.ok(!chosen.some((text) => UUID.test(text)), `${type.name}: ${chosen}`);
  if (type.name === 'confidence_vote') assert.ok(chosen.some((text) => text.includes(' ')), chosen);
  const [change] = Object.entries(example('patch', `${type.collection}/{id}`));
  // Of a vote nothing ever changes.
  if (!change) continue;
  const [field, value] = change;
  const place = page.locator(`#form label[id="/${field}"]`).locator('input:visible, select, textarea').first();
  await ((await place.evaluate((one) => one.tagName)) === 'SELECT' ? place.selectOption(String(value)) : place.fill(String(value)));
  await page.click('#form > button:text-is("Lưu")');
  await page.waitForSelector('#message:text("Đã lưu.")');
  const after = await call('GET', `${type.collection}/${record.id}`, undefined, authorization);
  assert.deepEqual([after.version, after[field]], [2, value], type.name);
  // Somebody else is faster: both values are shown, and the next save builds on what is stored.
  if (type.name === 'member') {
    await call('PATCH', `${type.collection}/${record.id}`, { phone: '+84912345678' }, { ...authorization, 'If-Match': '*' });
    const phone = page.locator('#form label[id="/phone"]');
    await phone.locator('input').fill('+84987654321');
    await page.click('#form > button:text-is("Lưu")');
    await phone.locator('.fault:text-is("Đang lưu: +84912345678")').waitFor();
    await page.click('#form > button:text-is("Lưu")');
    await page.waitForSelector('#message:text("Đã lưu.")');
    assert.equal((await call('GET', `${type.collection}/${record.id}`, undefined, authorization)).phone, '+84987654321');
  }
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${PICTURES}/${type.name}.png` });
}

// The steps of records: the page offers those that fit, and sends what they need.
const labels = Object.fromEntries((await call('GET', '/v1/code_lists', undefined, authorization)).items
  .find((list) => list.name === 'transfer_state').codes.map((one) => [one.code, one.label_vi]));
const opened = async (type, id) => {
  await page.click(`#types button[name=${type}]`);
  await page.click(`#table tr[id="${id}"]`);
  await page.waitForSelector('#form label[id="/state"]');
};
const to = page.locator('#step label[id="/to"] select');
const offered = () => to.locator('option:not([value=""])').allTextContents();
const field = (pointer) => page.locator(`#step label[id="${pointer}"]`).locator('input:visible, select, textarea').first();
const faulty = () => page.locator('#step label:has(> .fault)').evaluateAll((lines) => lines.map((line) => line.id));
const advance = async (status, shown) => {
  await page.evaluate(() => { document.getElementById('message').textContent = ''; });
  const answer = page.waitForResponse((response) => response.url().endsWith('/advance') && response.request().method() === 'POST');
  await page.click('#step button:text-is("Chuyển trạng thái")');
  assert.equal((await answer).status(), status);
  await page.waitForSelector(shown);
  return (await answer).request().postDataJSON();
};
const saved = '#message:text("Đã lưu.")';

// A field that the step needs and the record has not; a reason; a day that is not over.
const leaving = await call('POST', '/v1/transfers', {
  kind: 'internal', member_id: 'ext:demo:member-0002', to_unit_id: 'ext:demo:cell-02', reason_code: 'residence', basis_date: '2015-01-12',
}, authorization);
await opened('transfer', leaving.id);
assert.deepEqual(await offered(), [labels.letter_issued, labels.cancelled]);
await advance(422, '#step .fault');
assert.deepEqual(await faulty(), ['/to']);
await to.selectOption('cancelled');
await field('/on').fill('2199-01-01');
await advance(422, '#step .fault');
assert.deepEqual(await faulty(), ['/on', '/reason']);
await to.selectOption('letter_issued');
assert.equal(await field('/reason').count(), 0);
await field('/on').fill('');
await advance(422, '#step .fault');
assert.deepEqual(await faulty(), ['/fields/letter_date']);
await field('/fields/letter_date').fill('2015-01-20');
// Somebody else is faster: what was meant is still there, and is sent again.
await call('PATCH', `/v1/transfers/${leaving.id}`, { letter_number: '7' }, { ...authorization, 'If-Match': '*' });
await advance(412, '#message:text("Đã có phiên bản khác.")');
assert.equal(await page.inputValue('#form label[id="/letter_number"] input'), '7');
assert.equal(await field('/fields/letter_date').inputValue(), '2015-01-20');
assert.deepEqual(await advance(200, saved), { to: 'letter_issued', fields: { letter_date: '2015-01-20' } });
assert.deepEqual(await offered(), [labels.requested, labels.completed, labels.cancelled]);

// Of the steps that are there only the days are corrected.
assert.equal(await page.locator('#form label[id="/steps"] label[id^="/steps/"]:not(:has(label)):not([inert])').count(), 2);
assert.equal(await page.locator('#form label[id="/steps/1/state"][inert] option:checked').textContent(), labels.letter_issued);
for (const [place, day] of [[0, '2015-01-13'], [1, '2015-01-20']]) await page.fill(`#form label[id="/steps/${place}/on"] input`, day);
await page.click('#form > button:text-is("Lưu")');
await page.waitForSelector(saved);
const corrected = await call('GET', `/v1/transfers/${leaving.id}`, undefined, authorization);
assert.deepEqual(corrected.steps, [{ state: 'requested', on: '2015-01-13' }, { state: 'letter_issued', on: '2015-01-20' }]);

// Who comes in becomes a member with the step.
const coming = await call('POST', '/v1/transfers', {
  ...{ unit_id: 'ext:demo:cell-01', kind: 'in', full_name: 'Trần Thị Bưởi', birth_date: '1988', elsewhere: 'Đảng ủy phường Lê Lợi' },
  ...{ reason_code: 'residence', letter_date: '2015-01-12' },
}, authorization);
await opened('transfer', coming.id);
assert.deepEqual(await offered(), [labels.completed, labels.cancelled]);
await to.selectOption('completed');
assert.equal(await field('/member/unit_id').count(), 0);
assert.equal(await field('/member/full_name').inputValue(), 'Trần Thị Bưởi');
await advance(422, '#step .fault');
assert.deepEqual(await faulty(), ['/member/sex', '/member/admission_date']);
await field('/member/sex').selectOption('female');
await field('/member/admission_date').fill('2010-02-03');
await page.locator('#step').screenshot({ path: `${PICTURES}/step.png` });
await advance(200, saved);
const arrived = await call('GET', `/v1/transfers/${coming.id}`, undefined, authorization);
const member = await call('GET', `/v1/members/${arrived.member_id}`, undefined, authorization);
assert.deepEqual([arrived.state, member.full_name, member.sex, member.unit_id], ['completed', 'Trần Thị Bưởi', 'female', coming.unit_id]);
// From where no move leads on, and where somebody else makes it, there is no form of a step.
assert.equal(await page.locator('#step > *').count(), 0);
const [plan] = (await call('GET', '/v1/cadre_plans?state=approved&limit=1', undefined, authorization)).items;
await opened('cadre_plan', plan.id);
assert.equal(await page.locator('#step > *').count(), 0);

// Without a connection the page says so, until there is one again.
const offline = page.locator('#message:text-is("Không kết nối được máy chủ.")');
await page.context().setOffline(true);
await page.click('#types button[name=unit]');
await offline.waitFor();
await page.context().setOffline(false);
await offline.waitFor({ state: 'detached' });

// Who writes in one cell only gets inputs, "Lưu" and the form of a step there alone.
const [cell, other] = (await call('GET', '/v1/units?kind=cell&limit=2&fields=id', undefined, authorization)).items.map((unit) => unit.id);
await page.route(`${SERVER}/v1/record_types`, async (route) => {
  const response = await route.fetch();
  const body = await response.json();
  for (const one of body.items.flatMap(({ fields, verbs }) => [...fields, ...verbs, ...verbs.flatMap((verb) => verb.moves ?? [])])) {
    for (const where of ['writable_in', 'allowed_in'].filter((name) => one[name]?.length)) one[where] = [cell];
  }
  await route.fulfill({ response, json: body });
});
await page.reload();
await page.fill('[name=username]', USERNAME);
await page.fill('[name=password]', PASSWORD);
await page.click('text=Đăng nhập');
await page.click('#types button[name=unit]');
for (const [id, writes] of [[cell, true], [other, false]]) {
  const { name } = await call('GET', `/v1/units/${id}`, undefined, authorization);
  await page.fill('#search', name);
  await page.press('#search', 'Enter');
  await page.click(`#table tr[id="${id}"]`);
  await page.waitForSelector(`#form h2:text-is("${name}")`);
  assert.equal(await page.locator('#form > button:text-is("Lưu")').count(), writes ? 1 : 0, name);
  assert.equal(await page.locator('#form label[id="/address"]:not([inert])').count(), writes ? 1 : 0, name);
}
for (const [unit_id, steps] of [[cell, true], [other, false]]) {
  const listed = await call('POST', '/v1/admissions', { unit_id, full_name: 'Lê Văn Tám', sex: 'male', birth_date: '1990' }, authorization);
  await opened('admission', listed.id);
  assert.equal(await page.locator('#step button').count(), steps ? 1 : 0, unit_id);
}
await browser.close();
served.close();
