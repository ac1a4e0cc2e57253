// Draws the table and the form of any record type, in Vietnamese, with live changes. It knows no type: all that it draws
// comes from GET /v1/record_types and GET /v1/code_lists. `form.html?server=https://…` names the service.
const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8080';
const at = (id) => document.getElementById(id);
const [names, codes] = [{}, {}]; // what records are called, by id; pairs of code and label, by list
let tokens, types, type, watching, kept; // `kept`: the records whose lists codes are chosen from
addEventListener('unhandledrejection', ({ reason }) => tell(reason));

async function call(method, path, { body, headers, signal } = {}) {
  const offline = () => { throw { title: 'Không kết nối được máy chủ.' }; };
  const response = await fetch(server + path, { method, signal, body: body && JSON.stringify(body), headers: {
    'Accept-Language': 'vi', ...(body && { 'Content-Type': 'application/json' }),
    ...(tokens && { Authorization: `Bearer ${tokens.access_token}` }), ...headers } }).catch(offline);
  const answer = response.status === 204 ? {} : await response.json().catch(offline);
  if (!response.ok) throw answer; // a problem
  for (const [id, { display }] of Object.entries(answer.expanded ?? {})) names[id] = display;
  return { answer, etag: response.headers.get('ETag') };
}

const query = (parameters) => new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
const target = (of) => types.find((one) => one.name === of.refers_to);
const named = () => ['id', ...type.fields.filter((field) => field.value.type === 'reference').map((field) => field.name)];

// What a value can be, as pairs of value and label. The list of a code may be in a record that this one leads to.
async function choices(of, record, text) {
  if (of.type === 'boolean') return [['true', 'Có'], ['false', 'Không']];
  if (of.code_list) return codes[of.code_list].filter(([code]) => of.offered?.includes(code) ?? true);
  if (of.type === 'reference') {
    const { collection, search } = target(of);
    const { answer } = await call('GET', `${collection}?${query({ limit: 20, fields: 'id', expand: 'id', q: search && text })}`);
    return answer.items.map(({ id }) => [id, names[id]]);
  }
  let [holder, from] = [record, type];
  for (const name of of.options.from) {
    from = target(from.fields.find((field) => field.name === name).value);
    const path = `${from.collection}/${holder[name]}`;
    const asked = () => call('GET', path).catch((problem) => { delete kept[path]; throw problem; });
    holder = holder[name] ? (await (kept[path] ??= asked())).answer : {};
  }
  return (holder[of.options.list] ?? []).map((item) => [item[of.options.code], item[of.options.label_vi]]);
}

async function shown(value, of, record) {
  if (value === undefined || value === null) return '';
  if (of.type === 'reference') return names[value] ?? value;
  if (['code', 'boolean'].includes(of.type)) return new Map(await choices(of, record)).get(String(value)) ?? value;
  if (['date', 'partial_date'].includes(of.type)) return turned(value);
  const several = async (pairs) => (await Promise.all(pairs.map(([one, what]) => shown(one, what, record)))).filter(Boolean);
  if (of.type === 'list') return (await several(value.map((one) => [one, of.items]))).join('; ');
  if (of.type === 'object') return (await several(of.fields.map((part) => [value[part.name], part.value]))).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

// The references in a value: each the type of records that it is to, and an id.
function* references(of, value) {
  if (value === undefined) return;
  if (of.type === 'reference' && target(of)) yield [target(of), value];
  for (const part of of.fields ?? []) yield* references(part.value, value[part.name]);
  for (const one of of.type === 'list' ? value : []) yield* references(of.items, one);
}

// What the references in lists and objects are called: `expand` names those of the record itself.
async function learn(record) {
  const unknown = {};
  for (const [{ collection }, id] of type.fields.flatMap(({ name, value }) => [...references(value, record[name])])) {
    if (!names[id]) (unknown[collection] ??= new Set()).add(id);
  }
  await Promise.all(Object.entries(unknown).map(([collection, ids]) => (
    call('GET', `${collection}?${query({ ids: [...ids], fields: 'id', expand: 'id' })}`))));
}

const turned = (date) => date.split('-').reverse().join('/'); // 02/03/1955, 03/1955: so people read dates, and may type them
const partial_date = (text) => text.trim().split('/').reverse().map((part) => part.padStart(2, '0')).join('-');
const parsers = { integer: Number, boolean: (text) => text === 'true', names: JSON.parse, partial_date };
const typed = (text, of) => (text.trim() ? (parsers[of.type] ?? String)(text) : undefined);
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
const some = (values) => (Object.keys(values).length ? values : undefined);

// An input for a value. Its `read()` returns the value, or nothing when it is empty; `held()` is the record as the form has it.
function input(of, value, pointer, held) {
  if (of.type === 'object') return parts(of.fields, value ?? {}, pointer, held);
  if (of.type === 'list') return list(of, value ?? [], pointer, held);
  if (['boolean', 'code', 'reference'].includes(of.type)) return select(of, value, held);
  const one = of.multiline ? element('textarea') : element('input', { type: { date: 'date', integer: 'number' }[of.type] ?? 'text' });
  one.value = typeof value === 'object' ? JSON.stringify(value) : of.type === 'partial_date' ? turned(value ?? '') : value ?? '';
  return Object.assign(one, { read: () => typed(one.value, of) });
}

// What can be chosen may depend on the rest of the form, so it is asked when somebody is about to choose.
function select(of, value, held) {
  const one = element('select', {}, new Option(names[value] ?? value ?? '', value ?? ''));
  const search = element('input', { placeholder: 'Tìm', hidden: !target(of)?.search });
  const ask = async () => {
    const found = await Promise.resolve().then(() => choices(of, held(), search.value)).catch(() => []);
    const [chosen, all] = [one.value, new Map([['', ''], [one.value, one.selectedOptions[0].text], ...found])];
    one.replaceChildren(...[...all].map(([code, label]) => new Option(label, code, false, code === chosen)));
  };
  if (of.type !== 'reference') ask();
  one.onfocus = search.oninput = ask;
  return Object.assign(element('div', {}, search, one), { read: () => typed(one.value, of) });
}

function parts(fields, values, pointer, held = () => ({})) {
  const inputs = fields.map((field) => [field, input(field.value, values[field.name], `${pointer}/${field.name}`, held)]);
  const lines = inputs.map(([{ name, label_vi, required, inert }, one]) => element('label',
    { id: `${pointer}/${name}`, className: required ? 'required' : '', inert }, element('span', {}, label_vi), one));
  const filled = () => inputs.map(([field, one]) => [field.name, one.read()]).filter(([, value]) => value !== undefined);
  return Object.assign(element('div', {}, ...lines), { read: () => some(Object.fromEntries(filled())) });
}

// The values, and an empty line for the next one, unless the list is closed.
function list({ items, closed }, values, pointer, held) {
  const lines = closed ? values : [...values, null];
  const box = parts(lines.map((_, name) => ({ name, label_vi: name + 1, value: items })), values, pointer, held);
  return Object.assign(element('div', {}, box), { read: () => some(Object.values(box.read() ?? {})) });
}

// Each fault beside the field of the form that its pointer leads to, or the nearest one above.
function tell({ title = '', detail = '', errors = [] }, form = at('form')) {
  document.querySelectorAll('.fault').forEach((one) => one.remove());
  at('message').textContent = `${title} ${detail}`.trim();
  for (const { pointer, message } of errors) {
    const places = [...form.querySelectorAll('label')].filter((one) => `${pointer}/`.startsWith(`${one.id}/`));
    (places.at(-1) ?? at('message')).append(element('div', { className: 'fault' }, message));
  }
}

// `unsaved` has what was meant for the record (`form`) and for its step (`step`) and is not stored.
async function open(id, unsaved = {}) {
  tell({});
  const path = id ? `${type.collection}/${id}` : type.collection;
  const { answer: record, etag } = id ? await call('GET', `${path}?${query({ expand: named() })}`) : { answer: {} };
  await learn(record);
  const headers = id ? { 'If-Match': etag } : { 'Idempotency-Key': crypto.randomUUID() };
  const start = id ? { ...record, ...unsaved.form } : Object.fromEntries(type.fields.map((field) => [field.name, field.default]));
  const above = id && (await call('GET', `/v1/units?${query({ ancestors_of: record.unit_id, fields: 'id' })}`)).answer.items.map((unit) => unit.id);
  const here = (units) => units.some((unit) => !above || above.includes(unit)); // a right over a unit is one over all below it
  const may = here(type.verbs.find((verb) => verb.name === (id ? 'update' : 'create')).allowed_in);
  const fields = type.fields.map((field) => {
    const { closed } = field.value;
    const inert = !may || !here(field.writable_in) || (id && field.fixed) || (closed && !(field.name in record));
    return { ...field, inert, value: { ...field.value, closed: closed || inert } };
  });
  const drawn = fields.filter((field) => !field.inert || (field.group !== 'record' && field.name in record));
  const all = type.groups.map(({ name }) => parts(drawn.filter((field) => field.group === name), start, '', () => ({ ...record, ...now() })));
  const now = () => Object.assign({}, ...all.map((group) => group.read()));
  const groups = all.map((group, place) => element('fieldset', { hidden: !group.children.length }, element('legend', {}, type.groups[place].label_vi), group));
  const title = element('h2', {}, id ? names[id] : may ? `${type.label_vi}: thêm mới` : '');
  at('form').replaceChildren(title, ...groups, ...(may ? [element('button', {}, 'Lưu')] : []));
  at('form').onsubmit = (event) => {
    event.preventDefault();
    const stored = (name) => (record[name]?.length === 0 ? undefined : record[name]); // an empty list reads as nothing
    const changed = drawn.filter(({ name, inert }) => !inert && JSON.stringify(now()[name]) !== JSON.stringify(stored(name)));
    save(id ? 'PATCH' : 'POST', path, Object.fromEntries(changed.map(({ name }) => [name, now()[name] ?? null])), headers);
  };
  step(record, here, unsaved.step ?? {}, headers);
}

// The form of a step to another state: the states that the moves of the record lead to, and what the chosen move asks for.
function step(record, here, sent, headers) {
  const verb = type.verbs.find(({ moves }) => moves);
  const moves = (verb?.moves ?? []).filter(({ from, when, allowed_in }) => (
    from.includes(record.state) && (!when || when.codes.includes(record[when.field])) && here(allowed_in)));
  at('step').replaceChildren();
  if (!moves.length) return;
  const part = (name) => verb.body.find((one) => one.name === name);
  const object = (name, { label_vi }, fields) => ({ name, label_vi, value: { type: 'object', fields } });
  const offered = moves.map(({ to }) => to);
  const state = parts([{ ...part('to'), value: { ...part('to').value, offered } }], offered.includes(sent.to) ? sent : {}, '');
  const rest = element('div');
  const draw = () => {
    const move = moves.find(({ to }) => to === state.read()?.to);
    const asked = move ? [part('on')] : [];
    if (move?.reason) asked.push({ ...part('reason'), required: true });
    const needed = type.fields.filter(({ name }) => move?.needs.includes(name) && !(name in record));
    if (needed.length) asked.push(object('fields', type, needed.map((field) => ({ ...field, required: true }))));
    if (move?.member === 'create_from_body') {
      // A create of a member in the unit of the record. Who it is the record may say already.
      const member = types.find(({ name }) => name === 'member');
      const own = member.fields.filter(({ name, group, writable_in }) => name !== 'unit_id' && group !== 'record' && here(writable_in));
      asked.push(object('member', member, own));
    }
    rest.replaceChildren(parts(asked, { ...sent, member: { ...record, ...sent.member } }, '', () => record));
  };
  state.onchange = () => { sent = { ...sent, ...rest.firstChild.read() }; draw(); };
  draw();
  const box = element('fieldset', {}, element('legend', {}, verb.label_vi), state, rest, element('button', {}, verb.label_vi));
  at('step').append(box);
  at('step').onsubmit = (event) => {
    event.preventDefault();
    save(verb.method, verb.path.replace('{id}', record.id), { ...state.read(), ...rest.firstChild.read() }, headers, at('step'));
  };
}

async function save(method, path, body, headers, form = at('form')) {
  try {
    const { answer } = await call(method, path, { body, headers });
    await open(answer.id);
    tell({ title: 'Đã lưu.', errors: answer.warnings });
  } catch ({ current, ...problem }) {
    if (!current) return tell(problem, form);
    // Somebody else was faster: both are shown, and the next change builds on what is stored now.
    await open(current.id, { [form.id]: body });
    const errors = type.fields.filter(({ name }) => form === at('form') && name in body).map(async ({ name, value }) => (
      { pointer: `/${name}`, message: `Đang lưu: ${(await shown(current[name], value, current)) || 'trống'}` }));
    tell({ ...problem, errors: await Promise.all(errors) });
  }
}

// The table: the records that were changed last, by the first fields that they have.
async function refresh(of, changed = []) {
  const { answer } = await call('GET', `${of.collection}?${query({ limit: 50, sort: '-updated_at', expand: named(), q: at('search').value })}`);
  const plain = (field) => !answer.items.length || answer.items.some((record) => ['string', 'number', 'boolean'].includes(typeof record[field.name]));
  const columns = of.fields.filter((field) => field.group !== 'record' && plain(field)).slice(0, 8);
  const rows = await Promise.all(answer.items.map(async (record) => {
    const texts = await Promise.all(columns.map((field) => shown(record[field.name], field.value, record)));
    const shows = { id: record.id, className: changed.includes(record.id) ? 'changed' : '', onclick: () => open(record.id) };
    return element('tr', shows, ...texts.map((text) => element('td', {}, text)));
  }));
  if (of === type) at('table').replaceChildren(element('tr', {}, ...columns.map((field) => element('th', {}, field.label_vi))), ...rows);
}

// Draws a type: an empty form, and the table, again after each change.
async function choose(next) {
  [type, kept, at('title').textContent, at('table').textContent] = [next, {}, next.label_vi, ''];
  Object.assign(at('search'), { value: '', hidden: !type.search, onchange: () => refresh(type) });
  watching?.abort();
  const { signal } = watching = new AbortController();
  await open();
  // The cursor comes first, so that nothing is missed that changes while the table loads.
  const fresh = { types: type.name, from: 'now' };
  for (let [asked, trouble] = [fresh, '']; !signal.aborted;) {
    try {
      const { answer } = await call('GET', `/v1/sync/changes?${query(asked)}`, { signal });
      if (asked === fresh || answer.changes.length) await refresh(next, answer.changes.map(({ id }) => id));
      asked = { cursor: answer.cursor, wait: 50 };
      if (at('message').textContent === trouble) at('message').textContent = '';
    } catch ({ status, title = '' }) { // no connection, or a cursor that is not valid any more (410): all begins anew
      asked = fresh;
      if (status !== 410 && !signal.aborted) at('message').textContent = trouble = title;
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

at('login').onsubmit = async (event) => {
  event.preventDefault();
  tokens = (await call('POST', '/v1/auth/login', { body: Object.fromEntries(new FormData(event.target)) })).answer;
  const renew = async () => { tokens = (await call('POST', '/v1/auth/refresh', { body: { refresh_token: tokens.refresh_token } })).answer; };
  setInterval(renew, tokens.expires_in * 500);
  const [metadata, lists] = await Promise.all([call('GET', '/v1/record_types'), call('GET', '/v1/code_lists')]);
  for (const list of lists.answer.items) codes[list.name] = list.codes.map((one) => [one.code, one.label_vi]);
  types = metadata.answer.items.filter((one) => one.fields.some((field) => field.readable_in.length));
  // Of steps that are there only the days can be corrected.
  for (const one of types.filter(({ verbs }) => verbs.some(({ moves }) => moves))) {
    const { value } = one.fields.find(({ name }) => name === 'steps');
    value.closed = value.items.fields.find(({ name }) => name === 'state').inert = true;
  }
  at('types').replaceChildren(...types.map((one) => element('button', { name: one.name, onclick: () => choose(one) }, one.label_vi)));
  [at('login').hidden, at('page').hidden] = [true, false];
  choose(types[0]);
};
