'use strict';
const make = (tag, text, parent, name) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  if (parent) parent.append(node);
  return node;
};
const table = (heads, rows, parent) => {
  const body = make('table', undefined, parent), head = make('tr', undefined, body);
  heads.forEach(text => make('th', text, head));
  rows.forEach(row => {
    const line = make('tr', undefined, body);
    row.forEach(cell => {
      const place = make('td', cell instanceof Node ? undefined : cell, line);
      if (cell instanceof Node) place.append(cell);
    });
  });
};
const named = (name, isNeeded) => {
  const cell = document.createDocumentFragment();
  make('code', name, cell);
  if (isNeeded) make('span', 'required', cell, 'needed');
  return cell;
};
const under = (name, text) => {
  const cell = document.createDocumentFragment();
  cell.append(name);
  make('div', text, cell, 'soft');
  return cell;
};
const withDefault = (text, value) => value === undefined || value === null || value === '' ? text : `${text}${text ? '; ' : ''}default ${value}`;
const pretty = value => JSON.stringify(value, null, 2);
// Set in this tab alone; never part of an address or of a sample.
const key = document.getElementById('key');
key.value = sessionStorage.getItem('key') || '';
document.getElementById('with-key').addEventListener('submit', event => event.preventDefault());

// --- what a schema says, in words ----------------------------------------------------------------

// The first spelling of each: 720P stands for 720p, and 5 for "5". Nothing stands for nothing.
const unique = values => values.filter((value, at) => value !== null && value !== ''
  && values.findIndex(other => String(other).toLowerCase() === String(value).toLowerCase()) === at);
const allowed = schema => {
  if (schema.enum) return unique(schema.enum).join(', ');
  if (schema.anyOf) return schema.anyOf.map(one => one.pattern ? one.description : '').find(text => text) || schema.anyOf.map(allowed).filter(text => text).join('; ');
  if (schema.maximum !== undefined) return `${schema.minimum} to ${schema.maximum}`;
  if (schema.minimum !== undefined) return `from ${schema.minimum}`;
  if (schema.maxLength !== undefined) return `at most ${schema.maxLength} characters`;
  const types = [schema.type].flat().filter(type => type && type !== 'null');
  return types.includes('boolean') ? 'true, false' : '';
};
const isPicture = schema => /Picture|MediaList/.test(JSON.stringify([schema.$ref, (schema.anyOf || []).map(one => one.$ref)]));
const isNothing = schema => schema.type === 'null';
const LAST = /last|tail|end_/;
// One row for each field, under the names that the body has; all names of one picture are one row.
const fields = (schema, before = '', between = '.') => {
  const rows = [], pictures = { first: [], last: [] };
  for (const [name, one] of Object.entries(schema.properties || {})) {
    const path = before + name;
    if (isNothing(one)) continue;
    if (isPicture(one)) pictures[LAST.test(name) ? 'last' : 'first'].push(path);
    else if (one.properties) rows.push(...fields(one, path + between, between));
    else rows.push({ name: path, needed: (schema.required || []).includes(name), about: one.description || '',
      allowed: withDefault(allowed(one), one.default) });
  }
  const picture = (names, about, needed) => names.length && rows.push({ name: names[0], needed,
    about: about + (names.length > 1 ? ` Also taken: ${names.slice(1).map(name => name.slice(before.length)).join(', ')}.` : ''),
    allowed: 'http(s) URL, data URL or base64' });
  picture(pictures.first, 'The first frame.', true);
  picture(pictures.last, 'The last frame.', false);
  return rows;
};

// --- code ----------------------------------------------------------------------------------------

const quote = text => `'${text.replaceAll("'", "'\\''")}'`;
const streams = operation => Object.values(operation.responses).some(answer => 'text/event-stream' in (answer.content || {}));
const isFile = operation => 'video/mp4' in ((operation.responses['200'] || {}).content || {});
const isOpen = operation => operation.security && operation.security.length === 0;
const needed = (operation, where) => operation.parameters.filter(p => p.in === where && p.required);
const address = (path, operation) => {
  const query = needed(operation, 'query').map(p => `${p.name}=${(p.schema.enum || [p.name.toUpperCase()])[0]}`).join('&');
  return `${location.origin}${path}${query ? '?' + query : ''}`;
};
const headersOf = operation => {
  const found = isOpen(operation) ? {} : { Authorization: 'Bearer YOUR_API_KEY' };
  needed(operation, 'header').forEach(p => { found[p.name] = p.schema.enum[0]; });
  return found;
};
const curl = (method, path, operation, body) => {
  const lines = [`curl ${streams(operation) ? '-N ' : ''}-X ${method} '${address(path, operation)}'`];
  for (const [name, value] of Object.entries(headersOf(operation))) lines.push(`  -H '${name}: ${value}'`);
  if (body) lines.push(`  -H 'Content-Type: application/json'`, `  -d ${quote(pretty(body))}`);
  if (isFile(operation)) lines.push('  -o video.mp4');
  return lines.join(' \\\n');
};
const literal = (value, deep) => {
  const inner = '    '.repeat(deep + 1), outer = '    '.repeat(deep);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[\n${value.map(one => `${inner}${literal(one, deep + 1)},\n`).join('')}${outer}]`;
  if (typeof value === 'object') return `{\n${Object.entries(value).map(([name, one]) => `${inner}${JSON.stringify(name)}: ${literal(one, deep + 1)},\n`).join('')}${outer}}`;
  return JSON.stringify(value);
};
const python = (method, path, operation, body) => {
  const lines = ['import requests', '', `answer = requests.${method.toLowerCase()}(`, `    "${address(path, operation)}",`];
  const headers = headersOf(operation);
  if (Object.keys(headers).length) lines.push(`    headers=${literal(headers, 1)},`);
  if (body) lines.push(`    json=${literal(body, 1)},`);
  if (streams(operation)) lines.push('    stream=True,');
  lines.push(')', 'answer.raise_for_status()');
  if (streams(operation)) lines.push('for line in answer.iter_lines():', '    print(line.decode())');
  else if (isFile(operation)) lines.push('with open("video.mp4", "wb") as file:', '    file.write(answer.content)');
  else lines.push('print(answer.json())');
  return lines.join('\n');
};
const node = (method, path, operation, body) => {
  const headers = headersOf(operation);
  if (body) headers['Content-Type'] = 'application/json';
  const options = [`method: "${method}"`];
  if (Object.keys(headers).length) options.push(`headers: ${pretty(headers).replaceAll('\n', '\n  ')}`);
  if (body) options.push(`body: JSON.stringify(${pretty(body).replaceAll('\n', '\n  ')})`);
  const lines = [`const answer = await fetch("${address(path, operation)}", {`, ...options.map(one => `  ${one},`), '});'];
  if (streams(operation)) lines.push('const words = new TextDecoder();', 'for await (const piece of answer.body) process.stdout.write(words.decode(piece));');
  else if (isFile(operation)) lines.unshift('import { writeFile } from "node:fs/promises";', ''), lines.push('await writeFile("video.mp4", Buffer.from(await answer.arrayBuffer()));');
  else lines.push('console.log(await answer.json());');
  return lines.join('\n');
};

let components = { headers: {} };

// --- one operation -------------------------------------------------------------------------------

const copying = (text, parent) => {
  const button = make('button', 'Copy', parent, 'copy');
  button.onclick = () => navigator.clipboard.writeText(text()).then(() => {
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
};
// Buttons of which one is pressed; `show` is told which.
const choice = (names, parent, show) => {
  const buttons = names.map(name => make('button', name, parent));
  const press = at => { buttons.forEach((button, n) => button.setAttribute('aria-pressed', String(n === at))); show(at); };
  buttons.forEach((button, at) => { button.onclick = () => press(at); });
  return press;
};
const what = (operation, parent) => {
  const form = operation.requestBody && operation.requestBody.content['multipart/form-data'];
  const json = operation.requestBody && operation.requestBody.content['application/json'];
  const body = json || form;
  if (body) {
    make('h4', json ? 'Fields of the body' : 'Fields of the form', parent);
    const schemas = body.schema.oneOf || [body.schema], place = make('div');
    const show = at => {
      place.replaceChildren();
      table(['field', 'what it is', 'allowed'], fields(schemas[at]).map(row => [named(row.name, row.needed), row.about, row.allowed]), place);
    };
    if (schemas.length > 1) choice(schemas.map(one => one.title), make('div', undefined, parent, 'bar'), show)(0);
    else show(0);
    parent.append(place);
    if (schemas.length > 1) make('p', 'A field that the model does not have is ignored, and named: in the answer’s x-unstill-ignored and in the server’s log. One that stands at a wrong place is a 400 that says where it belongs.', parent, 'soft');
    if (json && form) make('p', 'The same fields may come as a form, pictures as files; lists and objects are spelt with brackets.', parent, 'soft');
  }
  if (operation.parameters.length) {
    make('h4', 'Parameters', parent);
    table(['parameter', 'what it is', 'allowed'], operation.parameters.map(p => [
      under(named(p.name, p.required), p.in), p.description, withDefault(allowed(p.schema), p.schema.default)]), parent);
  }
};
const code = (method, path, operation, parent) => {
  const json = operation.requestBody && operation.requestBody.content['application/json'];
  const examples = json ? Object.entries(json.examples) : [[undefined, undefined]];
  for (const [name, example] of examples) {
    const body = example && example.value, own = name === examples[0][0] ? operation['x-codeSamples'] || [] : [];
    const samples = [['curl', curl(method, path, operation, body)], ['Python', python(method, path, operation, body)], ['Node', node(method, path, operation, body)],
      ...own.map(sample => [sample.label, sample.source.replaceAll('http://127.0.0.1:8000', location.origin)])];
    if (name) make('h4', name, parent);
    const bar = make('div', undefined, parent, 'bar'), shown = samples.map(([language, text]) => {
      const box = make('pre', text, parent);
      box.dataset.language = language;
      return box;
    });
    choice(samples.map(([language]) => language), bar, at => shown.forEach((box, n) => { box.hidden = n !== at; }))(0);
    copying(() => shown.find(box => !box.hidden).textContent, bar);
  }
};
const answers = (operation, parent) => {
  for (const [status, answer] of Object.entries(operation.responses)) {
    const types = Object.keys(answer.content || {}).join(', '), headers = Object.keys(answer.headers || {});
    const box = make('details', undefined, parent), head = make('summary', undefined, box);
    make('code', status, head);
    make('span', ` ${answer.description}`, head);
    if (types) make('p', types, box, 'soft');
    const examples = ((answer.content || {})['application/json'] || {}).examples || {};
    for (const [name, example] of Object.entries(examples)) {
      if (Object.keys(examples).length > 1) make('h4', name, box);
      make('pre', pretty(example.value), box);
    }
    if (headers.length) table(['header', ''], headers.map(name => [named(name, false), (components.headers[name] || {}).description || '']), box);
    box.open = status === '200';
  }
};
const trying = (method, path, operation, parent) => {
  const box = make('details', undefined, parent, 'try');
  make('summary', 'Try it', box);
  const inputs = operation.parameters.map(p => {
    const label = make('label', `${p.name} `, box), input = make('input', undefined, label);
    if (p.in === 'header' && p.required) input.value = p.schema.enum[0];
    if (p.in === 'query' && p.required && p.schema.enum && p.schema.enum.length === 1) input.value = p.schema.enum[0];
    return [p, input];
  });
  const json = operation.requestBody && operation.requestBody.content['application/json'];
  const body = json && make('textarea', pretty(Object.values(json.examples)[0].value), box);
  if (body) body.setAttribute('aria-label', 'Body');
  const send = make('button', 'Send', box), said = make('div', undefined, box);
  send.onclick = async () => {
    const given = inputs.filter(([, input]) => input.value), query = new URLSearchParams(), headers = {};
    let route = path;
    for (const [p, input] of given) {
      if (p.in === 'path') route = route.replace(`{${p.name}}`, encodeURIComponent(input.value));
      else if (p.in === 'query') query.set(p.name, input.value);
      else headers[p.name] = input.value;
    }
    if (key.value) headers.Authorization = `Bearer ${key.value}`;
    if (body) headers['Content-Type'] = 'application/json';
    said.replaceChildren();
    make('p', 'Sent …', said, 'soft');
    try {
      const answer = await fetch(`${route.slice(1)}${query.size ? `?${query}` : ''}`, { method, headers, body: body ? body.value : undefined });
      said.replaceChildren();
      make('p', `${answer.status} ${answer.statusText}`, said);
      const type = answer.headers.get('content-type') || '';
      if (type.startsWith('video/')) {
        const video = make('video', undefined, said);
        video.controls = true;
        video.src = URL.createObjectURL(await answer.blob());
      } else if (type.startsWith('image/')) make('img', undefined, said).src = URL.createObjectURL(await answer.blob());
      else {
        const text = await answer.text();
        make('pre', type.includes('json') && text ? pretty(JSON.parse(text)) : text, said);
      }
    } catch (error) {
      said.replaceChildren();
      make('p', `No answer: ${error.message}`, said);
    }
  };
};
const anchorOf = (method, path) => `${method} ${path}`.toLowerCase().replace(/[^a-z0-9.]+/g, '-').replace(/-$/, '');
const contents = document.getElementById('contents');
const headed = (mark, name, id, parent) => {
  const section = make('section', undefined, parent, 'operation'), head = make('h3', undefined, section);
  section.id = id;
  make('span', mark, head, 'method');
  make('code', name, head);
  const anchor = make('a', '#', head, 'anchor'), link = make('a', undefined, contents);
  anchor.href = link.href = `#${id}`;
  anchor.setAttribute('aria-label', `Link to ${name}`);
  make('span', mark, link, 'method');
  make('span', name, link);
  return section;
};
const block = ({ method, path, operation, others }, parent) => {
  const section = headed(method, path, anchorOf(method, path), parent);
  make('p', operation.summary, section);
  if (others.length) make('p', `The same at ${others.join(' and ')}.`, section, 'soft');
  const columns = make('div', undefined, section, 'columns'), [left, middle, right] = [0, 1, 2].map(() => make('div', undefined, columns));
  what(operation, left);
  code(method, path, operation, middle);
  if (!operation.requestBody || operation.requestBody.content['application/json']) trying(method, path, operation, middle);
  make('h4', 'Answers', right);
  answers(operation, right);
};
const webhook = (name, operation, parent) => {
  const section = headed('POST', name, `webhook-${name}`, parent);
  make('p', operation.summary, section);
  const columns = make('div', undefined, section, 'columns'), [left, middle, right] = [0, 1, 2].map(() => make('div', undefined, columns));
  what(Object.assign({}, operation, { requestBody: undefined }), left);
  make('pre', pretty(operation.requestBody.content['application/json'].example), middle);
  make('h4', 'Answers', right);
  answers(operation, right);
};

// --- the page ------------------------------------------------------------------------------------

const isPossible = operation => Object.keys(operation.responses).some(status => status < '300');
// One entry for what several paths do alike; the shortest path stands for them.
const merged = description => {
  const groups = {}, known = new Map();
  for (const [path, methods] of Object.entries(description.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const name = `${operation.tags[0]} ${method} ${operation.summary}`, twin = known.get(name);
      if (twin) { twin.others.push(path); continue; }
      const one = { method: method.toUpperCase(), path, operation, others: [] };
      known.set(name, one);
      (groups[operation.tags[0]] ||= []).push(one);
    }
  return groups;
};
const impossible = (operations, parent) => {
  if (!operations.length) return;
  const box = make('details', undefined, parent);
  make('summary', 'Routes of this API that are not done here, and what to do instead', box);
  table(['route', 'instead'], operations.map(({ method, path, operation }) => [`${method} ${path}`, operation.description]), box);
};
const TITLES = { tasks: 'Tasks, as Modelverse has them', videos: 'Videos, OpenAI’s and the unified form', dashscope: 'DashScope', house: 'Models and the server' };
const draw = description => {
  components = description.components;
  const api = document.getElementById('api'), models = document.getElementById('models');
  document.getElementById('about').prepend(`${description.info.description} Version ${description.info.version}. `);
  for (const [name, operations] of Object.entries(merged(description))) {
    const title = TITLES[name] || name;
    make('h2', title, api);
    make('h2', title, contents);
    operations.filter(one => isPossible(one.operation)).forEach(one => block(one, api));
    impossible(operations.filter(one => !isPossible(one.operation)), api);
  }
  make('h2', 'Webhooks', api);
  make('h2', 'Webhooks', contents);
  make('p', 'What is posted to the webhook_url of a create call, or to the address that the operator has set for a key.', api);
  for (const [name, item] of Object.entries(description.webhooks)) webhook(name, item.post, api);
  const create = Object.values(description.paths).flatMap(Object.values).find(one => one.requestBody && (one.requestBody.content['application/json'] || { schema: {} }).schema.oneOf);
  table(['model', 'also answers to'], create.requestBody.content['application/json'].schema.oneOf.map(schema => [
    named(schema.title, false), schema.properties.model.enum.filter(name => name !== schema.title).join(', ')]), models);
  make('div', undefined, models).id = 'engines';
  const link = make('a', 'Models', make('h2', undefined, contents));
  link.href = '#models';
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
};
const engines = () => {
  const place = document.getElementById('engines'), headers = key.value ? { Authorization: `Bearer ${key.value}` } : {};
  return fetch('v1/models', { headers }).then(answer => answer.ok ? answer.json() : Promise.reject(answer)).then(list => {
    place.replaceChildren();
    make('h3', 'What renders them here', place);
    table(['model', 'engines, in the order in which they are asked'], list.data.map(model => [
      named(model.id, false), model.engines.map(e => `${e.name} (${e.description})`).join('; ') || 'none configured']), place);
  }).catch(() => { place.replaceChildren(); make('p', 'With the API key above: what renders behind each of them here.', place); });
};
key.onchange = () => { sessionStorage.setItem('key', key.value); engines(); };
fetch('openapi.json').then(answer => answer.json()).then(draw).then(engines);
