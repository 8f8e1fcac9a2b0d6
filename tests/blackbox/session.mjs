// A program that knows nothing of the server's code: writes 10,000 messages over 200 streams in 5
// categories, 16 connections at a time, with Node's own http module alone.
//
//   node session.mjs URL      (the token is in the variable TOKEN)
//
// What it writes is the same at every run. On standard output: one JSON line a message, with the
// texts of data and metadata as they were sent and the positions that were answered, then one line
// {"connections": n}. Any answer but 200 ends it with exit code 1.

import http from 'node:http';

const MESSAGES = 10_000;
const CONNECTIONS = 16;
const LIMIT = 30_000; // ms without a byte from the server
const url = new URL('/rpc', process.argv[2]);
const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });

// mulberry32: 32 bits of state, the same sequence everywhere.
let state = 20260115;
function random(below) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}
const pick = (list) => list[random(list.length)];
const hex = (digits) => Array.from({ length: digits }, () => random(16).toString(16)).join('');
const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;

// JavaScript has no integers past 2^53 in JSON: a number's text goes in as "@@text@@".
const number = (text) => `@@${text}@@`;
const toText = (value) => JSON.stringify(value).replace(/"@@([^"]*)@@"/g, '$1');
const digits = (count) => 1 + random(9) + Array.from({ length: count - 1 }, () => random(10)).join('');

const words = [
  'plain', 'Zürich', 'naïve café', '日本語のテキスト', 'שלום עולם', '👩‍👩‍👧 family', 'e\u0301 is not é',
  'quote " backslash \\ slash /', 'tab\tnewline\nreturn\r', 'control \u0001\u001f\u007f',
  'separators \u2028\u2029', 'percent %s %d', "'; drop table messages; --", '\ufeffmark', '',
];

const shapes = [
  () => ({ amount: number(digits(1 + random(25))), currency: pick(['EUR', 'CHF', 'JPY']) }),
  () => ({ balance: number(`-${digits(12)}.${digits(18)}`), rate: 0.1, whole: number('5.00') }),
  () => ({
    lines: Array.from({ length: 1 + random(4) }, () => ({
      sku: `sku-${hex(6)}`, quantity: 1 + random(20), price: { net: random(10_000) / 100, tax: null },
      tags: [pick(words), pick(words)], gift: random(2) === 1,
    })),
    address: { city: pick(words), position: [47.3769, 8.5417], more: { deep: { deeper: [[[{}]]] } } },
  }),
  () => ({ text: pick(words), [pick(words)]: 'as a key', list: words }),
  () => pick([null, true, false, 0, -1, 1e21, 1e-7, 'a string alone', [], {}, [1, 'two', null]]),
  () => ({ max: number('9223372036854775808'), beyond: number('9007199254740993'), exp: number('12e3') }),
  () => ({ note: pick(words).repeat(40), at: `2026-01-15T10:30:00.${digits(3)}Z` }),
];

const categories = [
  ['account', () => uuid(), ['Opened', 'Deposited', 'Withdrawn', 'Closed']],
  ['account:command', (n) => `${1000 + n}`, ['Open', 'Deposit', 'Withdraw']],
  ['order', (n) => `${n % 10}+${n}`, ['Placed', 'Paid', 'Shipped', 'Zurückgesandt']],
  ['café', (n) => `zürich-${n}`, ['Bestellt', '注文']],
  ['userProfile', (n) => `user ${n}@example.com`, ['Registered', 'NameChanged']],
];

const streams = [];
for (let n = 0; n < 40; n++) {
  for (const [category, id, types] of categories) streams.push({ name: `${category}-${id(n)}`, types });
}

// A stream belongs to one connection, which waits for each answer: its order is the order written.
const queues = Array.from({ length: CONNECTIONS }, () => []);
for (let n = 0; n < MESSAGES; n++) {
  // Every stream gets some; those of the category order get half of the rest.
  const index = n < streams.length ? n : random(2) ? random(40) * 5 + 2 : random(streams.length);
  const stream = streams[index];
  const kind = random(4);
  const metadata = [
    undefined,
    null,
    { userId: uuid(), traceparent: `00-${hex(32)}-${hex(16)}-01` },
    { correlationStreamName: `${pick(['order', 'saga', 'order:command'])}-${random(50)}`, causation: [n, pick(words)] },
  ][kind];
  queues[index % CONNECTIONS].push({
    stream: stream.name,
    type: pick(stream.types),
    data: toText(pick(shapes)()),
    metadata: metadata === undefined ? null : toText(metadata),
    absent: metadata === undefined,
    id: random(2) ? uuid() : null,
  });
}

const sockets = new Set();
function post(body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${process.env.TOKEN}`, 'content-length': Buffer.byteLength(body) };
    const request = http.request(url, { method: 'POST', agent, headers, timeout: LIMIT }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${response.statusCode} ${text}\nto ${body}`));
      });
    });
    request.on('socket', (socket) => sockets.add(socket));
    request.on('timeout', () => request.destroy(new Error(`no answer to ${body}`)));
    request.on('error', reject);
    request.end(body);
  });
}

async function write(queue) {
  const lines = [];
  for (const message of queue) {
    const metadata = message.absent ? '' : `, "metadata": ${message.metadata}`;
    const options = message.id ? `, {"id": "${message.id.toUpperCase()}"}` : '';
    const answer = await post(
      `["stream.write", ${JSON.stringify(message.stream)}, ` +
        `{"type": ${JSON.stringify(message.type)}, "data": ${message.data}${metadata}}${options}]`,
    );
    if (message.id && answer.id !== message.id) throw new Error(`id ${answer.id} for ${message.id}`);
    lines.push(JSON.stringify({ ...message, ...answer }));
  }
  return lines.join('\n');
}

const written = await Promise.all(queues.map(write));
agent.destroy();
process.stdout.write(`${written.join('\n')}\n${JSON.stringify({ connections: sockets.size })}\n`);
