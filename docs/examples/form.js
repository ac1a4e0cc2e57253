// Draws the table and the form of any record type, in Vietnamese, with live changes. It knows no type: all that it draws
// comes from GET /v1/record_types and GET /v1/code_lists. `form.html?server=https://…` names the service.
const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8080';
const at = (id) => document.getElementById(id);
const names = {}; // of records, by id
const codes = {}; // by list: code → label
let tokens, types, type, rows, watching;

// ---- Calls
async function call(method, path, { body, headers, signal } = {}) {
  const send = () => fetch(server + path, { method, signal, body: body && JSON.stringify(body), headers: {
    'Accept-Language': 'vi', ...(body && { 'Content-Type': 'application/json' }),
    ...(tokens && { Authorization: `Bearer ${tokens.access_token}` }), ...headers } });
  let response = await send();
  if (response.status === 401 && tokens) {
    const renewed = await fetch(`${server}/v1/auth/refresh`, { method: 'POST',
      body: JSON.stringify({ refresh_token: tokens.refresh_token }), headers: { 'Content-Type': 'application/json' } });
    if (!renewed.ok) location.reload(); // the session is over: to the login
    tokens = await renewed.json();
    response = await send();
  }
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw answer; // a problem
  for (const [id, { display }] of Object.entries(answer.expanded ?? {})) names[id] = display;
  return { answer, etag: response.headers.get('ETag') };
}

const query = (parameters) => new URLSearchParams(Object.entries(parameters).filter(([, value]) => value && value.length !== 0));
const references = (of) => of.fields.filter((field) => field.value.type === 'reference').map((field) => field.name);
const read = (id) => call('GET', `${type.collection}/${id}?${query({ expand: references(type) })}`);
const shape = (of, name) => of.fields.find((field) => field.name === name).value;
const may = (what, field) => type.rights.some((right) => right[what].includes(field.name));

// ---- Values as people read them
function shown(value, of) {
  if (value === undefined || value === null) return '';
  switch (of.type) {
    case 'code': return codes[of.code_list].get(value) ?? value;
    case 'reference': return names[value] ?? value;
    case 'boolean': return value ? 'Có' : 'Không';
    case 'date': case 'partial_date': return value.split('-').reverse().join('/');
    case 'timestamp': return new Date(value).toLocaleString('vi-VN');
    case 'names': return Object.entries(value).map(([name, list]) => `${name} = ${list.join(', ')}`).join('\n');
    default: return String(value);
  }
}

function display(record, of) {
  return of.display.map((name) => shown(record[name], shape(of, name))).filter(Boolean).join(', ');
}

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// ---- Inputs: `read()` of each returns its value, or nothing when it is empty
function input(of, value, pointer) {
  const simple = (tag, properties) => {
    const one = element(tag, { value: value ?? '', ...properties });
    return Object.assign(one, { read: () => (of.type === 'integer' && one.value ? Number(one.value) : one.value || undefined) });
  };
  const choice = (labels) => {
    const one = simple('select');
    one.append(...[['', ''], ...labels].map(([code, label]) => element('option', { value: code }, label)));
    return Object.assign(one, { value: value ?? '' });
  };
  switch (of.type) {
    case 'code': return choice(codes[of.code_list]);
    case 'boolean': { const one = choice([['true', 'Có'], ['false', 'Không']]); return Object.assign(one, { read: () => (one.value ? one.value === 'true' : undefined) }); }
    case 'date': return simple('input', { type: 'date' });
    case 'integer': return simple('input', { type: 'number', min: of.minimum, max: of.maximum });
    case 'reference': return reference(of, value);
    case 'object': return parts(of.fields, value ?? {}, pointer);
    case 'list': return list(of, value ?? [], pointer);
    case 'names': {
      const one = element('textarea', { value: shown(value, of), placeholder: 'tên = giá trị, giá trị' });
      const lines = () => one.value.split('\n').filter((line) => line.trim()).map((line) => line.split('=').map((side) => side.trim()));
      return Object.assign(one, { read: () => (lines().length ? Object.fromEntries(lines().map(([name, list]) => [name, (list ?? '').split(/, */)])) : undefined) });
    }
    default: return simple(of.multiline ? 'textarea' : 'input', of.max_length ? { maxLength: of.max_length } : {});
  }
}

// A record is chosen by its name. What is typed is searched where the type has a search.
function reference(of, value) {
  const target = types.find((one) => one.name === of.refers_to);
  const options = element('datalist', { id: crypto.randomUUID() });
  const one = element('input', { value: shown(value, of), placeholder: target?.label_vi, autocomplete: 'off' });
  one.setAttribute('list', options.id);
  const ids = { [one.value]: value };
  if (value && !names[value]) call('GET', `${target.collection}/${value}`).then(({ answer }) => { one.value = display(answer, target); ids[one.value] = value; }, () => {});
  one.onfocus = one.oninput = async () => {
    const asked = query({ limit: 20, expand: references(target).filter((name) => target.display.includes(name)), q: target.search && one.value });
    const { answer } = await call('GET', `${target.collection}?${asked}`).catch(() => ({ answer: { items: [] } }));
    // Records of one name are chosen by the end of their ids: a name alone must not turn one into the other.
    options.replaceChildren(...answer.items.map((record) => {
      const name = names[record.id] = display(record, target);
      const choice = (ids[name] ??= record.id) === record.id ? name : `${name} (${record.id.slice(-12)})`;
      ids[choice] = record.id;
      return element('option', { value: choice });
    }));
  };
  return Object.assign(element('div', {}, one, options), { read: () => ids[one.value] ?? (one.value || undefined) });
}

function parts(fields, values, pointer) {
  const inputs = fields.map((field) => [field, input(field.value, values[field.name], `${pointer}/${field.name}`)]);
  const box = element('div', {}, ...inputs.map(([field, one]) => {
    const line = element('label', { className: field.required ? 'required' : '', title: field.description }, element('span', {}, field.label_vi), one);
    line.dataset.pointer = `${pointer}/${field.name}`;
    return line;
  }));
  const read = () => Object.fromEntries(inputs.map(([field, one]) => [field.name, one.read()]).filter(([, value]) => value !== undefined));
  return Object.assign(box, { read: () => (Object.keys(read()).length ? read() : undefined) });
}

function list(of, values, pointer) {
  const lines = () => [...box.children].filter((line) => line.input);
  const add = (value) => {
    const one = input(of.items, value, `${pointer}/${lines().length}`);
    const line = Object.assign(element('div', {}, one, element('button', { type: 'button', onclick: () => line.remove() }, 'Bỏ')), { input: one });
    line.dataset.pointer = `${pointer}/${lines().length}`;
    more.before(line);
  };
  const more = element('button', { type: 'button', onclick: () => lines().length < of.max_items && add() }, 'Thêm dòng');
  const box = element('div', {}, more);
  values.forEach(add);
  const read = () => lines().map((line) => line.input.read()).filter((one) => one !== undefined);
  return Object.assign(box, { read: () => (read().length ? read() : undefined) });
}

// ---- The form
// Each fault beside the field that its pointer leads to, or the nearest one above.
function tell({ title = '', detail = '', errors = [] }) {
  document.querySelectorAll('.fault').forEach((one) => one.remove());
  at('message').textContent = `${title} ${detail}`.trim();
  for (const { pointer, message } of errors) {
    const places = [...document.querySelectorAll('[data-pointer]')].filter((one) => `${pointer}/`.startsWith(`${one.dataset.pointer}/`));
    (places.at(-1) ?? at('message')).append(element('div', { className: 'fault' }, message));
  }
}

// `mine` is what is not saved yet, upon the record as it is `current`.
async function open(id, current, mine) {
  tell({});
  const { answer: record, etag } = current ?? (id ? await read(id) : { answer: {} });
  const inputs = {};
  const writable = (field) => !field.managed && may('writes', field) && (id || type.rights.some((right) => right.creates));
  const groups = type.groups.map((group) => {
    const fields = type.fields.filter((field) => field.group === group.name && (writable(field) || (group.name !== 'record' && field.name in record)));
    const lines = fields.map((field) => {
      const line = parts([field], id ? { ...record, ...mine } : { [field.name]: field.default }, '');
      if (writable(field)) inputs[field.name] = line;
      return Object.assign(line, { inert: !writable(field) }); // what may only be read is shown
    });
    return element('fieldset', { hidden: !lines.length }, element('legend', {}, group.label_vi), ...lines);
  });
  const own = type.verbs.filter((verb) => id && verb.body).map((verb) => {
    const body = parts(verb.body, {}, '');
    const act = () => save(verb.method, verb.path.replace('{id}', id), body.read() ?? {}, { 'If-Match': etag });
    return element('fieldset', { title: verb.note_vi }, element('legend', {}, verb.label_vi), body, element('button', { type: 'button', onclick: act }, verb.label_vi));
  });
  const writes = Object.keys(inputs).length > 0;
  const title = id ? display(record, type) : writes ? `${type.label_vi}: thêm mới` : '';
  at('form').replaceChildren(element('h2', {}, title), ...groups, ...(writes ? [element('button', {}, 'Lưu')] : []), ...own);
  at('form').onsubmit = (event) => {
    event.preventDefault();
    const now = Object.entries(inputs).map(([name, one]) => [name, one.read()?.[name]]);
    const changed = now.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(record[name]));
    const body = Object.fromEntries(changed.map(([name, value]) => [name, value ?? null]));
    if (id) save('PATCH', `${type.collection}/${id}`, body, { 'If-Match': etag });
    else save('POST', type.collection, body, { 'Idempotency-Key': crypto.randomUUID() });
  };
}

async function save(method, path, body, headers) {
  try {
    const { answer } = await call(method, path, { body, headers });
    await open(answer.id);
    tell({ title: 'Đã lưu.', errors: answer.warnings });
  } catch (problem) {
    const { current, etag } = problem;
    if (!current) return tell(problem);
    // Somebody else was faster: both are shown, and the next change builds on what is stored now.
    const mine = method === 'PATCH' ? body : {};
    await open(current.id, { answer: current, etag }, mine);
    const stored = (name) => shown(current[name], shape(type, name)) || 'trống';
    tell({ ...problem, errors: Object.keys(mine).map((name) => ({ pointer: `/${name}`, message: `Đang lưu: ${stored(name)}` })) });
  }
}

// ---- The table
function columns() {
  const plain = type.fields.filter((field) => !['object', 'list', 'names'].includes(field.value.type) && field.group !== 'record' && may('reads', field));
  const rank = (field) => (type.display.includes(field.name) ? 0 : field.required ? 1 : field.value.type === 'code' ? 2 : 3);
  return plain.sort((a, b) => rank(a) - rank(b)).slice(0, 8);
}

function draw(record, changed) {
  const cells = columns().map((field) => element('td', {}, shown(record[field.name], field.value)));
  const row = element('tr', { className: changed ? 'changed' : '', onclick: () => open(record.id) }, ...cells);
  row.dataset.id = record.id;
  if (rows.has(record.id)) rows.get(record.id).replaceWith(row);
  else at('table').tBodies[0][changed ? 'prepend' : 'append'](row);
  rows.set(record.id, row);
}

async function page(asked) {
  const { answer } = await call('GET', `${type.collection}?${query(asked)}`);
  answer.items.forEach((record) => draw(record));
  at('more').hidden = !answer.next_cursor;
  at('more').onclick = () => page({ cursor: answer.next_cursor });
}

async function refresh() {
  rows = new Map();
  at('table').replaceChildren(element('thead', {}, element('tr', {}, ...columns().map((field) => element('th', {}, field.label_vi)))), element('tbody'));
  await page({ limit: 50, expand: references(type), ...Object.fromEntries([...at('filters').children].map((one) => [one.name, one.value])) });
}

async function choose(next) {
  type = next;
  watching?.abort();
  watching = new AbortController();
  for (const button of at('types').children) button.toggleAttribute('aria-current', button.name === type.name);
  at('title').textContent = type.label_vi;
  const search = type.search ? [element('input', { name: 'q', placeholder: 'Tìm' })] : [];
  const filters = type.filters.filter((filter) => filter.value.type === 'code').map((filter) => {
    const one = Object.assign(input(filter.value), { name: filter.name });
    one.options[0].textContent = `${filter.label_vi}: tất cả`;
    return one;
  });
  at('filters').replaceChildren(...search, ...filters);
  at('filters').onchange = at('filters').onsubmit = (event) => { event.preventDefault(); refresh(); };
  watch(watching.signal);
  await open();
}

// Loads the table and follows its changes. When the cursor is not valid any more (410), all begins anew.
async function watch(signal) {
  const filtered = () => [...at('filters').children].some((one) => one.value);
  while (!signal.aborted) {
    try {
      // The cursor comes first, so that nothing is missed that changes while the table loads.
      let asked = { types: type.name, from: 'now' };
      for (let loaded = false; ; loaded = true) {
        const { answer } = await call('GET', `/v1/sync/changes?${query(asked)}`, { signal });
        if (!loaded || (answer.changes.length && filtered())) await refresh();
        else for (const { op, id } of answer.changes) {
          if (op === 'upsert') await read(id).then(({ answer: record }) => draw(record, true), () => {});
          if (op === 'remove' && rows.delete(id)) document.querySelector(`tr[data-id="${id}"]`).remove();
        }
        asked = { cursor: answer.cursor, wait: 50 };
      }
    } catch (problem) {
      if (problem.code !== 'cursor_gone' && !signal.aborted) await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

at('login').onsubmit = async (event) => {
  event.preventDefault();
  try {
    tokens = (await call('POST', '/v1/auth/login', { body: Object.fromEntries(new FormData(event.target)) })).answer;
    const [metadata, lists] = await Promise.all([call('GET', '/v1/record_types'), call('GET', '/v1/code_lists')]);
    for (const list of lists.answer.items) codes[list.name] = new Map(list.codes.map((one) => [one.code, one.label_vi]));
    types = metadata.answer.items.filter((one) => one.rights.length);
    at('types').replaceChildren(...types.map((one) => element('button', { name: one.name, onclick: () => choose(one) }, one.label_vi)));
    [at('login').hidden, document.querySelector('main').hidden] = [true, false];
    await choose(types[0]);
  } catch (problem) { tell(problem); }
};
