"""Chromium by its DevTools protocol over two pipes: no driver, no library, nothing but the browser."""
import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
         "--host-resolver-rules=MAP console.localhost 127.0.0.1", "--remote-debugging-pipe"]


class Failed(Exception):
    pass


def high(fds):
    """Moves descriptors out of the way of 3 and 4."""
    out = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in fds]
    for fd in fds:
        os.close(fd)
    return out


class Browser:
    """One browser with one page."""

    def __init__(self):
        exe = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not exe:
            raise Failed("no chromium: apt-get install -y chromium")
        self.dir = tempfile.mkdtemp(prefix="virga-chromium-")
        to_r, self.out = high(os.pipe())
        self.inp, from_w = high(os.pipe())
        # The protocol's ends are descriptors 3 and 4 of the browser.
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.proc = subprocess.Popen(["/bin/bash", "-c", f'exec "$0" "$@" 3<&{to_r} 4>&{from_w}', exe, *FLAGS, "--user-data-dir=" + self.dir, "about:blank"],
                                     pass_fds=(to_r, from_w), stdout=self.log, stderr=self.log, start_new_session=True)
        os.close(to_r)
        os.close(from_w)
        self.n, self.answers, self.cond = 0, {}, threading.Condition()
        self.problems, self.dead = [], False
        threading.Thread(target=self._read, daemon=True).start()
        target = self._send("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = self._send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.do(domain + ".enable")
        self.size(1280, 860)

    def _read(self):
        buf = b""
        while True:
            b = os.read(self.inp, 1 << 16)
            if not b:
                with self.cond:
                    self.dead = True
                    self.cond.notify_all()
                return
            buf += b
            *messages, buf = buf.split(b"\0")
            for m in messages:
                self._take(json.loads(m))

    def _take(self, m):
        with self.cond:
            if "id" in m:
                self.answers[m["id"]] = m
                self.cond.notify_all()
                return
            p = m.get("params", {})
            if m["method"] == "Runtime.exceptionThrown":
                self.problems.append("exception: " + json.dumps(p["exceptionDetails"])[:600])
            elif m["method"] == "Log.entryAdded" and p["entry"]["level"] == "error":
                e = p["entry"]
                self.problems.append(e["source"] + ": " + e["text"] + " " + e.get("url", ""))
            elif m["method"] == "Page.javascriptDialogOpening":
                self.problems.append("dialog: " + p["message"])
                threading.Thread(target=lambda: self.do("Page.handleJavaScriptDialog", accept=True), daemon=True).start()

    def _send(self, method, params, session=None):
        with self.cond:
            self.n += 1
            i = self.n
        m = {"id": i, "method": method, "params": params}
        if session:
            m["sessionId"] = session
        os.write(self.out, json.dumps(m).encode() + b"\0")
        with self.cond:
            if not self.cond.wait_for(lambda: i in self.answers or self.dead, 60) or self.dead and i not in self.answers:
                raise Failed(f"{method}: no answer; {open(self.log.name).read()[-2000:]}")
            a = self.answers.pop(i)
        if "error" in a:
            raise Failed(f"{method}: {a['error']}")
        return a["result"]

    def do(self, method, **params):
        return self._send(method, params, self.session)

    def js(self, expression):
        """Evaluates in the page's own world, awaits a promise, gives a plain value."""
        r = self.do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in r:
            raise Failed(expression + ": " + json.dumps(r["exceptionDetails"])[:800])
        return r["result"].get("value")

    def wait(self, expression, seconds=20):
        """Waits until an expression is true; it is told what the page shows where it never is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.js(f"Boolean({expression})"):
                    return
            except Failed:
                pass  # between two pages
            time.sleep(0.05)
        raise Failed(f"never true: {expression}\nat {self.js('location.href')}\n{self.js('document.body.innerText')[:3000]}")

    def goto(self, url):
        self.js("window.left = true")
        self.do("Page.navigate", url=url)
        self.wait("!window.left && document.readyState === 'complete'")

    def leaves(self, act):
        """Does something that leads to another page, and waits for that."""
        self.js("window.left = true")
        act()
        self.wait("!window.left && document.readyState === 'complete'")

    def text(self, selector="body"):
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def click(self, selector):
        """Clicks where a person would: at the middle of what is shown."""
        self.wait(f"document.querySelector({json.dumps(selector)})")
        x, y = self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def fill(self, selector, text):
        self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select(); }})()")
        self.do("Input.insertText", text=text)

    def key(self, *keys, modifiers=0):
        for k in keys:
            text = {"Enter": "\r"}.get(k, k if len(k) == 1 else "")
            p = dict(key=k, modifiers=modifiers, windowsVirtualKeyCode={"Enter": 13, "Escape": 27}.get(k, ord(k[0].upper())))
            self.do("Input.dispatchKeyEvent", type="keyDown", text="" if modifiers else text, **p)
            self.do("Input.dispatchKeyEvent", type="keyUp", **p)

    def size(self, width, height):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def shot(self, path, whole=False):
        r = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(r["data"]))

    def close(self):
        try:
            self._send("Browser.close", {})
        except (Failed, OSError):
            self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
