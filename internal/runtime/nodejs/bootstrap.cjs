'use strict';
// Runs a Node.js function: asks the Runtime API for events and calls the handler. The socket is spoken to by hand,
// and this file is CommonJS, for both make the start quicker. A line that holds a carriage return is one log event of
// several lines.
const net = require('net');
const path = require('path');
const fs = require('fs');
const { format, inspect } = require('util');
const { Writable } = require('stream');

const env = process.env;
const API = '/2018-06-01/runtime/';
const TASK = env.LAMBDA_TASK_ROOT || '/var/task';
const JSON_LOGS = env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const INTEGRATION = 'application/vnd.awslambda.http-integration-response';
const major = Number((/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV || '') || [])[1] || process.versions.node.split('.')[0]);

// Kept before the function can change them.
const { stringify, parse } = JSON;
const exit = process.exit.bind(process);
const now = Date.now;

let requestId; // of the running invocation

// ---- logs

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const threshold = JSON_LOGS ? LEVELS[(env.AWS_LAMBDA_LOG_LEVEL || 'TRACE').toUpperCase()] || 1 : 1;

function emit(line) {
  const data = Buffer.from(line.replace(/\r\n|\n/g, '\r') + '\n');
  for (let at = 0; at < data.length;) {
    try {
      at += fs.writeSync(1, data, at);
    } catch (e) {
      if (e.code !== 'EAGAIN') return;
    }
  }
}

function errorValue(e) {
  return { errorType: e.name, errorMessage: e.message, ...own(e), stackTrace: typeof e.stack === 'string' ? e.stack.split('\n').slice(1).map((l) => l.trim()) : [] };
}

function own(e) {
  const out = {};
  for (const k of Object.keys(e)) out[k] = e[k];
  return out;
}

function log(level, args) {
  if (LEVELS[level] < threshold) return;
  const time = new Date(now()).toISOString();
  if (!JSON_LOGS) {
    emit(`${time}\t${requestId}\t${level}\t${format(...args)}`);
    return;
  }
  const record = { timestamp: time, level, requestId };
  if (args.length === 1 && args[0] !== null && typeof args[0] === 'object' && !(args[0] instanceof Error)) {
    record.message = args[0];
  } else {
    record.message = format(...args);
    const error = args.find((a) => a instanceof Error);
    if (error) Object.assign(record, errorValue(error));
  }
  try {
    emit(stringify(record, (k, v) => (v instanceof Error ? errorValue(v) : typeof v === 'bigint' ? v.toString() : v)));
  } catch {
    record.message = inspect(record.message);
    emit(stringify(record));
  }
}

for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['debug', 'DEBUG'], ['warn', 'WARN'], ['error', 'ERROR'], ['fatal', 'FATAL']]) {
  console[name] = (...args) => log(level, args);
}
console.trace = (...args) => {
  const e = { name: 'Trace', message: format(...args) };
  Error.captureStackTrace(e, console.trace);
  log('TRACE', [e.stack]);
};

// ---- errors, in the runtime's own names

function named(name) {
  return class extends Error {
    constructor(reason) {
      super(reason instanceof Error ? String(reason) : reason);
      this.name = 'Runtime.' + name;
      if (reason instanceof Error && reason.stack) {
        this.stack = [`${this.name}: ${this.message}`, ...reason.stack.split('\n').filter((l) => /^\s+at |^- /.test(l))].join('\n');
        this.reason = undefined;
        delete this.reason;
      }
    }
  };
}
const MalformedHandlerName = named('MalformedHandlerName');
const ImportModuleError = named('ImportModuleError');
const UserCodeSyntaxError = named('UserCodeSyntaxError');
const HandlerNotFound = named('HandlerNotFound');
const UnhandledPromiseRejection = named('UnhandledPromiseRejection');
const CallbackHandlerDeprecated = named('CallbackHandlerDeprecated');
const InvalidStreamingOperation = named('InvalidStreamingOperation');

function isError(e) {
  return e !== null && typeof e === 'object' && typeof e.name === 'string' && typeof e.message === 'string' && typeof e.stack === 'string';
}

// wire is an error as the Runtime API takes it.
function wire(e) {
  try {
    if (isError(e)) return { errorType: e.name.replace(/\x7f/g, '%7F'), errorMessage: e.message.replace(/\x7f/g, '%7F'), trace: e.stack.replace(/\x7f/g, '%7F').split('\n') };
    return { errorType: typeof e, errorMessage: String(e), trace: [] };
  } catch {
    return { errorType: 'handled', errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack' };
  }
}

function logged(e) {
  try {
    if (!isError(e)) return '\t' + stringify(wire(e));
    return '\t' + stringify({ errorType: e.name, errorMessage: e.message, ...own(e), stack: e.stack.split('\n') });
  } catch {
    return '\t' + stringify(wire(e));
  }
}

// ---- one connection to the Runtime API

const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(':');
const HOST = 'Host: ' + env.AWS_LAMBDA_RUNTIME_API + '\r\n';
const socket = net.connect({ host, port: Number(port), noDelay: true });
let chunks = [], held = 0, waiting = null;
socket.on('data', (d) => {
  chunks.push(d);
  held += d.length;
  pump();
});
socket.on('error', () => exit(0)); // the other side has ended this sandbox
socket.on('close', () => exit(0));

let head = null; // of an answer whose body is still coming
function pump() {
  if (!waiting) return;
  if (!head) {
    const buf = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    chunks = [buf];
    const end = buf.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = buf.toString('utf8', 0, end).split('\r\n');
    const headers = {};
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    head = { status: Number(lines[0].split(' ')[1]), headers, start: end + 4, size: Number(headers['content-length'] || 0) };
  }
  if (held < head.start + head.size) return;
  const buf = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  const { status, headers, start, size } = head;
  const rest = buf.subarray(start + size);
  chunks = rest.length ? [rest] : [];
  held = rest.length;
  head = null;
  const done = waiting;
  waiting = null;
  done({ status, headers, body: buf.subarray(start, start + size) });
}

const answer = () => new Promise((resolve) => {
  waiting = resolve;
  pump();
});

function post(to, body, extra = '') {
  const data = Buffer.from(body);
  socket.ref();
  socket.write(`POST ${API}${to} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n${extra}Content-Length: ${data.length}\r\n\r\n`);
  socket.write(data);
  return answer();
}

const ascii = (s) => String(s).replace(/[^\x20-\x7e]/g, '').slice(0, 256);

function postError(to, e) {
  const w = wire(e);
  return post(to, stringify(w), `Lambda-Runtime-Function-Error-Type: ${ascii(w.errorType)}\r\n`);
}

// ---- streaming

class ResponseStream extends Writable {
  constructor(id, highWaterMark) {
    super({ highWaterMark });
    this.id = id;
    this.type = null;
    this.begun = false;
    this.failure = null;
    this.closed_ = new Promise((resolve) => { this.over = resolve; });
  }

  setContentType(type) {
    if (this.begun) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.type = type;
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    socket.ref();
    socket.write(`POST ${API}invocation/${this.id}/response HTTP/1.1\r\n${HOST}Content-Type: ${ascii(this.type || 'application/octet-stream')}\r\n` +
      'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n');
    if (this._onBeforeFirstWrite) this._onBeforeFirstWrite((d) => this.chunk(Buffer.from(d)));
  }

  chunk(data, done) {
    if (!data.length) return done && done();
    socket.write(data.length.toString(16) + '\r\n');
    socket.write(data);
    if (socket.write('\r\n')) done && done();
    else if (done) socket.once('drain', done);
  }

  write(chunk, encoding, callback) {
    // Whatever is no text and no bytes is sent as JSON.
    if (typeof chunk !== 'string' && !Buffer.isBuffer(chunk) && !ArrayBuffer.isView(chunk)) chunk = stringify(chunk);
    return super.write(chunk, encoding, callback);
  }

  _write(chunk, encoding, done) {
    this.begin();
    this.chunk(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding), done);
  }

  _final(done) {
    this.begin();
    this.finish_(null);
    done();
  }

  // finish_ ends the request; an error travels in its trailers.
  finish_(e) {
    if (this.ended_) return;
    this.ended_ = true;
    this.begin();
    let trailer = '';
    if (e) {
      const w = wire(e);
      trailer = `Lambda-Runtime-Function-Error-Type: ${ascii(w.errorType)}\r\nLambda-Runtime-Function-Error-Body: ${Buffer.from(stringify(w)).toString('base64')}\r\n`;
    }
    socket.write('0\r\n' + trailer + '\r\n');
    answer().then(this.over);
  }
}

globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (options && typeof options.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(INTEGRATION);
      const text = stringify(prelude);
      stream._onBeforeFirstWrite = (write) => {
        write(text);
        write(new Uint8Array(8));
      };
      return stream;
    },
  },
};

// ---- the handler

async function load(full) {
  if (full.includes('..')) throw new MalformedHandlerName(`'${full}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const base = path.basename(full);
  const root = full.slice(0, full.indexOf(base));
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match || match.length !== 3) throw new MalformedHandlerName('Bad handler');
  const [, module, name] = match;
  const app = await importModule(path.resolve(TASK, root, module), root, module);
  let found = app;
  for (const part of name.split('.')) found = found && found[part];
  if (found === undefined && app && app.default) {
    found = app.default;
    for (const part of name.split('.')) found = found && found[part];
  }
  if (found === undefined || found === null) throw new HandlerNotFound(`${full} is undefined or not exported`);
  if (typeof found !== 'function') throw new HandlerNotFound(`${full} is not a function`);
  if (major >= 24 && !found[STREAMING] && found.length >= 3) {
    throw new CallbackHandlerDeprecated('ERROR: AWS Lambda does not support callback-based function handlers when using Node.js 24 and later. To use Node.js 24 or later, modify this function to use a supported handler signature. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.');
  }
  return found;
}

// esm tells whether a .js file is a module by the nearest package.json.
function esm(file) {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    try {
      return parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).type === 'module';
    } catch (e) {
      if (e.code !== 'ENOENT' && e.code !== 'ENOTDIR' && e.code !== 'EACCES') return false;
    }
    if (dir === TASK || dir === path.dirname(dir)) return false;
  }
}

async function importModule(file, root, module) {
  const isFile = (f) => {
    try {
      return fs.statSync(f).isFile();
    } catch {
      return false;
    }
  };
  const { pathToFileURL } = require('url');
  try {
    if (isFile(file)) return require(file);
    if (isFile(file + '.js')) {
      if (!esm(file + '.js')) return require(file + '.js');
      return await import(pathToFileURL(file + '.js'));
    }
    if (isFile(file + '.mjs')) return await import(pathToFileURL(file + '.mjs'));
    if (isFile(file + '.cjs')) return require(file + '.cjs');
    return require(require.resolve((root ? './' + root : '') + module, { paths: [TASK] }));
  } catch (e) {
    if (e instanceof SyntaxError) throw new UserCodeSyntaxError(e);
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) {
      // AWS looks for index and its like under the function's folder; the name that is not found is the module's.
      throw new ImportModuleError(e);
    }
    throw e;
  }
}

let settle = null; // ends the running invocation with an error from outside the handler
let idle = null; // called when nothing is left to wait for
process.on('beforeExit', () => {
  const f = idle;
  idle = null;
  if (!f) return;
  socket.ref(); // keeps the process until the answer is sent
  f();
});

async function die(e, what, code) {
  log('ERROR', [what, logged(e)]);
  const id = requestId;
  if (settle && id) await postError(`invocation/${id}/error`, e);
  else await postError('init/error', e);
  exit(code);
}
process.on('uncaughtException', (e) => die(e, 'Uncaught Exception', 129));
process.on('unhandledRejection', (reason, promise) => {
  const e = new UnhandledPromiseRejection(String(reason && reason.message !== undefined && isError(reason) ? reason : reason));
  e.reason = reason;
  e.promise = promise;
  die(e, 'Unhandled Promise Rejection', 128);
});

function contextOf(h) {
  const deadline = Number(h['lambda-runtime-deadline-ms']);
  const json = (s) => (s ? parse(s) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: json(h['lambda-runtime-client-context']),
    identity: json(h['lambda-runtime-cognito-identity']),
    invokedFunctionArn: h['lambda-runtime-invoked-function-arn'],
    awsRequestId: h['lambda-runtime-aws-request-id'],
    tenantId: h['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => Math.max(deadline - now(), 0),
  };
}

// buffered calls a handler and gives its result, by promise or by callback.
function buffered(handler, event, context) {
  return new Promise((resolve, reject) => {
    settle = reject;
    socket.unref(); // so that only what the function has begun keeps the process from being idle
    const done = (err, result) => {
      const end = () => (err !== undefined && err !== null ? reject(err) : resolve(result));
      if (context.callbackWaitsForEmptyEventLoop) idle = end;
      else setImmediate(end);
    };
    if (major < 24) {
      context.done = (err, result) => { context.callbackWaitsForEmptyEventLoop = false; done(err, result); };
      context.succeed = (result) => context.done(null, result);
      context.fail = (err) => context.done(err === undefined || err === null ? 'handled' : err);
    }
    idle = () => resolve(null); // it has returned, left nothing behind and never answered
    let called = false;
    const callback = (err, result) => {
      if (called) return;
      called = true;
      done(err, result);
    };
    let out;
    try {
      out = handler(event, context, callback);
    } catch (e) {
      reject(e);
      return;
    }
    if (out && typeof out.then === 'function') {
      out.then(resolve, reject);
    } else if (major >= 24 && !called) {
      resolve(out);
    }
  });
}

async function streamed(handler, event, context, id) {
  const stream = new ResponseStream(id, handler[HIGH_WATER_MARK]);
  settle = () => {};
  stream.on('error', () => {});
  try {
    await handler(event, stream, context);
    if (!stream.writableFinished) await new Promise((resolve) => {
      stream.once('finish', resolve);
      idle = resolve;
      socket.unref();
    });
    socket.ref();
    if (!stream.ended_) stream.finish_(null);
  } catch (e) {
    log('ERROR', ['Invoke Error', logged(e)]);
    if (!stream.begun) {
      stream.ended_ = true;
      await postError(`invocation/${id}/error`, e);
      return;
    }
    stream.finish_(e);
  }
  socket.ref();
  await stream.closed_;
}

(async () => {
  let handler;
  try {
    handler = await load(env._HANDLER || '');
  } catch (e) {
    log('ERROR', ['Uncaught Exception', logged(e)]);
    await postError('init/error', e);
    exit(1);
  }
  for (;;) {
    requestId = undefined;
    settle = null;
    socket.ref();
    socket.write(`GET ${API}invocation/next HTTP/1.1\r\n${HOST}\r\n`);
    const { status, headers, body } = await answer();
    if (status !== 200) exit(1);
    const id = headers['lambda-runtime-aws-request-id'];
    requestId = id;
    if (headers['lambda-runtime-trace-id']) env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    else delete env._X_AMZN_TRACE_ID;
    try {
      const event = parse(body.toString('utf8'));
      const context = contextOf(headers);
      if (handler[STREAMING]) {
        await streamed(handler, event, context, id);
        continue;
      }
      const result = await buffered(handler, event, context);
      idle = null;
      let text;
      try {
        text = stringify(result === undefined ? null : result);
      } catch {
        throw new Error('Unable to stringify response body');
      }
      await post(`invocation/${id}/response`, text === undefined ? 'null' : text);
    } catch (e) {
      idle = null;
      log('ERROR', ['Invoke Error', logged(e)]);
      await postError(`invocation/${id}/error`, e);
    }
  }
})();
