"""Runs a Python function: asks the Runtime API for events and calls the handler.

The socket is spoken to by hand, for importing an HTTP library costs more than the rest of the start. A line that
holds a carriage return is one log event of several lines.
"""
import sys
import os
import json
import time
from _socket import socket, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY

HERE = os.path.dirname(os.path.abspath(__file__))
API = "/2018-06-01/runtime/"
TASK = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "") == "JSON"
# A hard space: log viewers drop ordinary ones at the start of a line.
INDENT = "\u00a0\u00a0"


class Fault(Exception):
    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace


class Client:
    """One connection to the Runtime API."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.host = address.encode()
        self.sock = socket(AF_INET, SOCK_STREAM)
        self.sock.connect((host, int(port)))
        self.sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.buf = b""
        self.get = b"GET " + API.encode() + b"invocation/next HTTP/1.1\r\nHost: " + self.host + b"\r\n\r\n"

    def _more(self):
        data = self.sock.recv(1 << 20)
        if not data:
            os._exit(0)  # the other side has ended this sandbox
        return data

    def _answer(self):
        buf = self.buf
        end = buf.find(b"\r\n\r\n")
        while end < 0:
            buf += self._more()
            end = buf.find(b"\r\n\r\n")
        lines = buf[:end].decode("utf-8", "replace").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start, size = end + 4, int(headers.get("content-length", 0))
        missing = start + size - len(buf)
        if missing > 0:
            parts = [buf]
            while missing > 0:
                parts.append(self._more())
                missing -= len(parts[-1])
            buf = b"".join(parts)
        self.buf = buf[start + size:]
        return status, headers, buf[start:start + size]

    def next(self):
        self.sock.sendall(self.get)
        status, headers, body = self._answer()
        if status != 200:
            os._exit(1)
        return headers, body

    def post(self, path, body, *headers):
        head = b"POST " + (API + path).encode() + b" HTTP/1.1\r\nHost: " + self.host + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        for name, value in headers:
            head += (name + ": " + value + "\r\n").encode("ascii", "replace")
        self.sock.sendall(head + b"\r\n" + body)
        return self._answer()[0]


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __repr__(self):
        return f"{self.__class__.__name__}([cognito_identity_id={self.cognito_identity_id!r},cognito_identity_pool_id={self.cognito_identity_pool_id!r}])"


class Client_:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]

    def __repr__(self):
        return "Client([" + ",".join(f"{n}={getattr(self, n)!r}" for n in self.__slots__) + "])"


Client_.__name__ = Client_.__qualname__ = "Client"


class ClientContext:
    __slots__ = ["custom", "env", "client"]

    def __repr__(self):
        return f"{self.__class__.__name__}([custom={self.custom!r},env={self.env!r},client={self.client!r}])"


def fill(thing, values, names):
    for name in names:
        setattr(thing, name, (values or {}).get(name))
    return thing


class LambdaContext:
    """What a handler is told about its invocation (Lambda Developer Guide, Using the Lambda context object)."""

    def __init__(self, headers, static):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name, self.log_stream_name, self.function_name, self.memory_limit_in_mb, self.function_version = static
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = None
        self.identity = CognitoIdentity()
        self._epoch_deadline_time_in_ms = int(headers["lambda-runtime-deadline-ms"])
        text = headers.get("lambda-runtime-client-context")
        if text:
            values = json.loads(text)
            self.client_context = fill(ClientContext(), values, ["custom", "env"])
            self.client_context.client = fill(Client_(), values["client"], Client_.__slots__) if values.get("client") else None
        text = headers.get("lambda-runtime-cognito-identity")
        values = json.loads(text) if text else {}
        self.identity.cognito_identity_id = values.get("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, msg):
        sys.stdout.write(str(msg))

    def __repr__(self):
        return (f"{self.__class__.__name__}([aws_request_id={self.aws_request_id},log_group_name={self.log_group_name},log_stream_name={self.log_stream_name},"
                f"function_name={self.function_name},memory_limit_in_mb={self.memory_limit_in_mb},function_version={self.function_version},"
                f"invoked_function_arn={self.invoked_function_arn},client_context={self.client_context},identity={self.identity},tenant_id={self.tenant_id}])")


current = {"id": ""}  # of the running invocation, for logs


def stamp(seconds, millis=True):
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return text + ".%dZ" % int(seconds % 1 * 1000) if millis else text + "Z"


def emit(text):
    """Writes one log event."""
    sys.stdout.write(text.rstrip("\n").replace("\r\n", "\r").replace("\n", "\r") + "\n")
    sys.stdout.flush()


def log_error(result):
    if JSON_LOGS:
        record = {"timestamp": stamp(time.time(), False), "log_level": "ERROR"}
        record.update(result)
        emit(json.dumps(record, ensure_ascii=False))
        return
    lines = ["[ERROR] " + (result["errorType"] or "") + (": " if result["errorType"] and result["errorMessage"] else "") + (result["errorMessage"] or "")]
    lines.append("Traceback (most recent call last):")
    for entry in result["stackTrace"]:
        for line in entry.splitlines():
            inner = line.lstrip(" ")
            lines.append(INDENT * ((len(line) - len(inner)) // 2) + inner)
    emit("\r".join(lines))


def make_error(message, kind, trace, request_id=""):
    return {"errorMessage": message or "", "errorType": kind or "", "requestId": request_id or "", "stackTrace": trace or []}


def error_of(exc, request_id=""):
    """The error JSON of an exception; frames of this file are left out."""
    if isinstance(exc, Fault):
        return make_error(exc.message, exc.kind, exc.trace, request_id)
    import traceback
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(exc.__traceback__)]
    while frames and frames[0][0] == __file__:
        frames.pop(0)
    return make_error(str(exc), type(exc).__name__, traceback.format_list(frames), request_id)


def encode(value):
    return json.dumps(value).encode()


def report(client, path, result):
    client.post(path, encode(result), ("Lambda-Runtime-Function-Error-Type", "".join(c for c in result["errorType"] if 32 <= ord(c) < 127)))


def set_up_logging(logging):
    """Gives the root logger AWS's handler. Runs when somebody first imports logging."""

    class RequestFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = current["id"]
            record.tenant_id = None
            return True

    class JSONFormatter(logging.Formatter):
        plain = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "aws_request_id", "tenant_id", "taskName"}

        def format(self, record):
            out = {"timestamp": stamp(record.created, False), "level": record.levelname, "message": record.getMessage(), "logger": record.name}
            if record.exc_info and record.exc_info[1]:
                import traceback
                out["stackTrace"] = traceback.format_list(traceback.extract_tb(record.exc_info[2]))
                out["errorType"] = record.exc_info[0].__name__
                out["errorMessage"] = str(record.exc_info[1])
                out["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
            out["requestId"] = record.aws_request_id or None
            for name, value in record.__dict__.items():
                if name not in self.plain:
                    out[name] = value
            return json.dumps({k: v for k, v in out.items() if v is not None}, default=str, ensure_ascii=False)

    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            emit(self.format(record))

    handler = LambdaLoggerHandler()
    if JSON_LOGS:
        handler.setFormatter(JSONFormatter())
    else:
        formatter = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    handler.addFilter(RequestFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if JSON_LOGS and level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


class LoggingHook:
    """Sets logging up when it is first imported, so that functions without it need not pay for it."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        from importlib.machinery import PathFinder
        spec = PathFinder.find_spec(name)
        loader = spec.loader
        run = loader.exec_module

        def exec_module(module):
            run(module)
            set_up_logging(module)

        loader.exec_module = exec_module
        return spec


def search_path():
    """AWS's order: the function, layers, the runtime, the language. Packages of the host's own are none of them."""
    version = "python%d.%d" % sys.version_info[:2]
    front = [TASK, "/opt/python/lib/" + version + "/site-packages", "/opt/python", HERE]
    rest = [p for p in sys.path if p not in front and not p.endswith("/dist-packages") and not p.startswith("/usr/local/")]
    sys.path[:] = front + rest


def load(handler):
    modname, dot, name = handler.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler)
    first = modname.split("/")[0].split(".")[0]
    if first in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % modname)
    from importlib import import_module
    try:
        module = import_module(modname.replace("/", "."))
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (modname, e))
    except SyntaxError as e:
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (modname, e), ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, e.text)])
    try:
        return getattr(module, name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (name, modname))


def call(handler, headers, body, static, dumps):
    try:
        event = json.loads(body)
    except Exception as e:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
    result = handler(event, LambdaContext(headers, static))
    try:
        return dumps(result)
    except Exception as e:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % e)


def main():
    env = os.environ
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    client = Client(env["AWS_LAMBDA_RUNTIME_API"])
    search_path()
    # From here on this module's own name is free for the function's.
    sys.modules["bootstrap"] = sys.modules.pop("__main__", None) or sys.modules.get("bootstrap")
    if "logging" in sys.modules:
        set_up_logging(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, LoggingHook())
    try:
        handler = load(env["_HANDLER"])
    except Exception as e:
        result = error_of(e)
        log_error(result)
        report(client, "init/error", result)
        sys.exit(1)
    static = tuple(env.get(n) for n in ("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"))
    ascii_only = env.get("AWS_EXECUTION_ENV", "") in ("AWS_Lambda_python3.8", "AWS_Lambda_python3.9", "AWS_Lambda_python3.10", "AWS_Lambda_python3.11")

    def dumps(value):
        return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8")

    while True:
        headers, body = client.next()
        request = headers["lambda-runtime-aws-request-id"]
        current["id"] = request
        trace = headers.get("lambda-runtime-trace-id")
        if trace:
            env["_X_AMZN_TRACE_ID"] = trace
        else:
            env.pop("_X_AMZN_TRACE_ID", None)
        try:
            out, failure = call(handler, headers, body, static, dumps), None
        except Exception as e:
            failure = error_of(e, request)
            log_error(failure)
        sys.stdout.flush()
        sys.stderr.flush()
        if failure is None:
            client.post("invocation/" + request + "/response", out)
        else:
            report(client, "invocation/" + request + "/error", failure)


if __name__ == "__main__":
    main()
