// Answers expressions with the reference engine: one JSON object {expr, data} per line in, one {result}, {undefined},
// {code, message, position, token} or {host} (an exception of JavaScript itself) per line out.
'use strict';
const jsonata = require(process.env.JSONATA_REFERENCE);
// Both engines are told the same time.
const now = Number(process.env.JSONATA_NOW);
const RealDate = Date;
global.Date = class extends RealDate {
  constructor(...a) {
    if (a.length === 0) super(now);
    else super(...a);
  }
  static now() {
    return now;
  }
};
const lines = require('readline').createInterface({ input: process.stdin, terminal: false });

async function answer(q) {
  try {
    const v = await jsonata(q.expr, { stack: 400 }).evaluate(q.data === undefined ? undefined : q.data);
    if (v === undefined || typeof v === 'function' || (v && (v._jsonata_function || v._jsonata_lambda))) return { undefined: true };
    return { result: JSON.parse(JSON.stringify(v, (k, x) => (x && (x._jsonata_function || x._jsonata_lambda) ? undefined : x))) };
  } catch (e) {
    return e.code ? { code: e.code, message: e.message, position: e.position, token: e.token } : { host: String(e.message || e) };
  }
}

(async () => {
  for await (const line of lines) process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
})();
