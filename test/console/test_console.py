"""The console as a person uses it, in Chromium: sign in, see a stack come up, test its function, tail its log."""
import json
import threading
import time

import pytest

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Description: An order desk, a queue and a function that greets
Parameters:
  Stage: {Type: String, Default: test}
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Properties: {QueueName: orders, VisibilityTimeout: 60}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
  Greeter:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: greeter
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Environment: {Variables: {GREETING: Hello, API_TOKEN: s3cret-token-of-the-test}}
      Code:
        ZipFile: |
          import os
          def handler(event, context):
              if event.get("fail"):
                  raise ValueError("asked to fail")
              print("greeting", event.get("name"))
              return {"message": os.environ["GREETING"] + ", " + str(event.get("name"))}
Outputs:
  QueueUrl: {Value: !Ref Orders, Description: Where orders go}
  FunctionName: {Value: !Ref Greeter}
"""

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'`{{.}}"


@pytest.fixture(autouse=True)
def quiet(browser):
    """No page breaks its own policy, throws, or lets user bytes run."""
    browser.problems.clear()
    yield
    assert not browser.problems, browser.problems


@pytest.fixture(scope="module")
def signed_in(server, browser):
    browser.goto(server.console + "/signin")
    if "/signin" in browser.js("location.pathname"):
        browser.leaves(lambda: browser.click("button[name=dev]"))
    return browser


def mark(b):
    """Marks the page, so that a test can tell that it was not loaded anew."""
    b.js("window.mark = true")


def steady(b, width=1280):
    """Nothing shifted by itself since the page was loaded, and nothing is wider than the window."""
    shift = b.js("""new Promise(done => { let sum = 0;
        new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) sum += e.value; }).observe({type: 'layout-shift', buffered: true});
        setTimeout(() => done(sum), 100); })""")
    assert shift < 0.02, shift
    wide = b.js("document.documentElement.scrollWidth")
    assert wide <= width, (wide, b.js("location.href"))


def test_sign_in(server, browser, shot):
    b = browser
    b.goto(server.console + "/queues")
    assert b.js("location.pathname") == "/signin"
    assert b.text("h1") == "Sign in"
    shot("signin-light")
    b.fill("input[name=key]", "test")
    b.fill("input[name=secret]", "wrong")
    b.leaves(lambda: b.key("Enter"))
    assert "wrong" in b.text(".problem")
    b.problems.clear()  # Chromium logs the 403
    b.leaves(lambda: b.click("button[name=dev]"))
    assert b.js("location.pathname") == "/queues", "after signing in, where one wanted to go"
    assert b.js("document.cookie") == "", "no script reads the cookie"
    b.leaves(lambda: b.click("form[action='/signout'] button"))
    assert b.js("location.pathname") == "/signin"
    b.fill("input[name=key]", "test")
    b.fill("input[name=secret]", "test")
    b.leaves(lambda: b.key("Enter"))
    assert b.text("h1") == "Overview"


def test_empty_states_teach(server, signed_in, shot):
    b = signed_in
    for path, command in (("/stacks", "sam deploy"), ("/functions", "lambda create-function"), ("/queues", "sqs create-queue"), ("/logs", "logs create-log-group")):
        b.goto(server.console + path)
        assert command in b.text("#list"), path
        steady(b)
    b.goto(server.console + "/")
    assert "sqs create-queue" in b.text("#cards")
    shot("overview-empty-light")


def test_a_stack_comes_up_live(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/stacks")
    mark(b)
    made = threading.Thread(target=lambda: server.client("cloudformation").create_stack(StackName="desk", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"]))
    made.start()
    b.wait("document.querySelector('#list tr[data-key] a')?.innerText === 'desk'")
    assert b.js("window.mark"), "the row came without a reload"
    b.leaves(lambda: b.click("#list tr[data-key] a"))
    mark(b)
    b.wait("document.querySelector('#status').innerText.includes('CREATE_COMPLETE')", 60)
    made.join()
    b.wait("document.querySelectorAll('#list tbody tr').length >= 8")
    assert b.js("window.mark"), "the events came without a reload"
    shot("stack-events-light")
    b.goto(server.console + "/stacks/desk/resources")
    assert "greeter" in b.text("#list") and "AWS::SQS::Queue" in b.text("#list")
    assert b.js("[...document.querySelectorAll('#list a')].map(a => a.getAttribute('href'))") .__contains__("/functions/greeter")
    shot("stack-resources-light")
    b.goto(server.console + "/stacks/desk/outputs")
    assert "/000000000000/orders" in b.text("#list")
    b.goto(server.console + "/stacks/desk/template")
    assert "An order desk" in b.text("#template")
    b.goto(server.console + "/stacks/desk/parameters")
    assert "Stage" in b.text("main")
    steady(b)


def test_a_failed_stack_says_why(server, signed_in, shot):
    b = signed_in
    template = json.dumps({"Resources": {
        "Good": {"Type": "AWS::SQS::Queue"},
        "Bad": {"Type": "AWS::SQS::Queue", "DependsOn": "Good", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:nowhere", "maxReceiveCount": 3}}}}})
    server.client("cloudformation").create_stack(StackName="broken", TemplateBody=template)
    b.goto(server.console + "/stacks/broken")
    b.wait("document.querySelector('#status').innerText.includes('ROLLBACK_COMPLETE')", 60)
    b.wait("document.querySelector('#list').innerText.includes('Dead letter target does not exist')")
    b.wait("document.querySelector('#reason .problem')?.innerText.includes('Bad, AWS::SQS::Queue')")
    b.goto(server.console + "/stacks/broken/resources")
    assert "must be deleted before" in b.text("#reason")
    shot("stack-failed-light")
    steady(b)


def test_function_configuration(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/functions/greeter")
    assert "API_TOKEN" in b.text("#environment")
    assert "s3cret-token-of-the-test" not in b.js("document.documentElement.outerHTML"), "a value nobody asked for is not in the page"
    b.click("#environment header a")
    b.wait("document.querySelector('#environment').innerText.includes('s3cret-token-of-the-test')")
    shot("function-light", True)
    steady(b)


def test_function_is_tested(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/functions/greeter/test")
    mark(b)
    b.fill("#payload", json.dumps({"name": "Ada"}))
    b.click("button[value=test]")
    b.wait("document.querySelector('#result .pill.good')", 60)
    assert '"message": "Hello, Ada"' in b.text("#result")
    assert "greeting Ada" in b.text("#result") and "REPORT RequestId" in b.text("#result")
    assert b.js("window.mark"), "the answer came without a reload"
    shot("function-test-light", True)
    b.fill("#payload", json.dumps({"fail": True}))
    b.js("document.querySelector('#payload').focus()")
    b.key("Enter", modifiers=2)
    b.wait("document.querySelector('#result .pill.bad')", 60)
    assert "asked to fail" in b.text("#result")
    b.fill("#payload", "{not json")
    b.click("button[value=test]")
    b.wait("document.querySelector('#result .problem')?.innerText.includes('not JSON')")
    b.problems.clear()  # Chromium logs the 400
    # A saved event is there again, here and for whoever reads parameters.
    b.fill("#payload", json.dumps({"name": "Grace"}))
    b.fill("input[name=name]", "grace")
    b.leaves(lambda: b.click("button[value=save]"))
    assert "saved" in b.text(".notice")
    b.goto(server.console + "/functions/greeter/test")
    assert json.loads(b.js("document.querySelector('#payload').value")) == {"name": "Grace"}
    assert server.client("ssm").get_parameter(Name="/virga/test-events/greeter/grace")["Parameter"]["Value"]


def test_log_is_tailed(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/logs/%2Faws%2Flambda%2Fgreeter")
    assert b.text("h1") == "/aws/lambda/greeter"
    b.wait("document.querySelector('#lines').innerText.includes('greeting Ada')")
    mark(b)
    before = b.js("document.querySelectorAll('#lines > div').length")
    began = time.monotonic()
    server.client("lambda").invoke(FunctionName="greeter", Payload=json.dumps({"name": "tail-me"}))
    b.wait("document.querySelector('#lines').innerText.includes('greeting tail-me')")
    print(f"a line was shown {time.monotonic() - began:.1f} s after the invoke began")
    assert b.js("window.mark") and b.js("document.querySelectorAll('#lines > div').length") > before
    keys = b.js("[...document.querySelectorAll('#lines > div')].map(d => d.dataset.key)")
    assert len(keys) == len(set(keys)), "no line twice"
    shot("logs-light")
    b.fill("#filter", '"tail-me"')
    b.leaves(lambda: b.key("Enter"))
    assert b.js("document.querySelectorAll('#lines > div').length") == 1
    b.goto(server.console + "/logs/%2Faws%2Flambda%2Fgreeter?filter=%7B")
    assert "Change the pattern" in b.text(".problem")
    b.goto(server.console + "/logs/%2Faws%2Flambda%2Fgreeter/streams")
    assert "[$LATEST]" in b.text("#list")
    b.leaves(lambda: b.click("#list a"))
    assert "INIT_START" in b.text("#lines")
    b.goto(server.console + "/functions/greeter/logs")
    assert "greeting tail-me" in b.text("#lines")


def test_queue(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/queues/orders")
    b.fill("#body", '{"order": 1}')
    b.click("form[action$=send] button.main")
    b.wait("document.querySelector('#sent').innerText.includes('Sent as')")
    b.wait("document.querySelector('#figures').innerText.startsWith('1')")
    b.click("form[action$=peek] button")
    b.wait("document.querySelector('#messages .message')")
    assert '"order": 1' in b.text("#messages") and "received 1×" in b.text("#messages")
    assert "receive count goes up by one" in b.text("main"), "what a look does is said"
    shot("queue-light")
    got = server.client("sqs").receive_message(QueueUrl=server.endpoint + "/000000000000/orders", AttributeNames=["All"])["Messages"]
    assert got[0]["Body"] == '{"order": 1}' and got[0]["Attributes"]["ApproximateReceiveCount"] == "2", "the message was not taken away"
    b.goto(server.console + "/queues/orders/configuration")
    assert "arn:aws:sqs:us-east-1:000000000000:orders" in b.text("main")


def test_user_bytes_do_not_run(server, signed_in):
    b = signed_in
    sqs, logs = server.client("sqs"), server.client("logs")
    url = sqs.create_queue(QueueName="hostile")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=HOSTILE, MessageAttributes={"a": {"DataType": "String", "StringValue": HOSTILE}})
    logs.create_log_group(logGroupName="hostile")
    logs.create_log_stream(logGroupName="hostile", logStreamName="<b onclick=alert(3)>")
    logs.put_log_events(logGroupName="hostile", logStreamName="<b onclick=alert(3)>", logEvents=[{"timestamp": int(time.time() * 1000), "message": HOSTILE + "\x1b[31mred\x1b[0m \u202eabc"}])
    b.goto(server.console + "/queues/hostile")
    b.click("form[action$=peek] button")
    b.wait("document.querySelector('#messages .message')")
    assert HOSTILE in b.text("#messages")
    assert b.js("document.querySelectorAll('#messages img, #messages script').length") == 0
    b.goto(server.console + "/logs/hostile")
    assert HOSTILE + "red \ufffdabc" in b.text("#lines")
    b.goto(server.console + "/logs/hostile/streams")
    b.leaves(lambda: b.click("#list a"))
    assert HOSTILE in b.text("#lines")
    # The policy itself holds: markup that got in all the same would not run.
    for act in ("const s = document.createElement('script'); s.src = 'data:text/javascript,window.ran=1'; document.body.append(s);",
                "const s = document.createElement('script'); s.textContent = 'window.ran=1'; document.body.append(s);",
                "document.body.innerHTML = '<img src=x onerror=window.ran=1>';"):
        got = b.js("""new Promise(done => { document.addEventListener('securitypolicyviolation', e => done(e.violatedDirective));
            setTimeout(() => done('none'), 1000); try { %s } catch {} })""" % act)
        assert got == "require-trusted-types-for", (act, got)
    got = b.js("""new Promise(done => { document.addEventListener('securitypolicyviolation', e => done(e.violatedDirective));
        setTimeout(() => done('none'), 1000); const a = document.createElement('a'); a.setAttribute('style', 'color: red'); document.body.append(a); })""")
    assert got == "style-src-attr", got
    assert not b.js("window.ran")
    b.problems.clear()


def test_keys(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/")
    for k, path in (("s", "/stacks"), ("f", "/functions"), ("q", "/queues"), ("l", "/logs"), ("o", "/")):
        b.leaves(lambda: b.key("g", k))
        assert b.js("location.pathname") == path
    b.leaves(lambda: b.key("g", "q"))
    b.key("/")
    assert b.js("document.activeElement.id") == "find"
    b.do("Input.insertText", text="host")
    b.wait("document.querySelectorAll('#list tbody tr:not([hidden])').length === 1")
    b.key("Enter")
    b.leaves(lambda: b.key("Enter"))
    assert b.js("location.pathname") == "/queues/hostile"
    b.leaves(lambda: b.key("u"))
    assert b.js("location.pathname") == "/queues"
    b.key("?")
    assert b.js("document.querySelector('#help').open")
    shot("help-light")
    b.key("Escape")
    b.wait("!document.querySelector('#help').open")
    b.goto(server.console + "/stacks/desk")
    b.leaves(lambda: b.key("]"))
    assert b.js("location.pathname") == "/stacks/desk/resources"


def test_dark_and_light(server, signed_in, shot):
    b = signed_in
    pages = {"overview": "/", "stacks": "/stacks", "stack-events": "/stacks/desk", "stack-template": "/stacks/desk/template", "functions": "/functions", "function": "/functions/greeter",
             "function-test": "/functions/greeter/test", "queues": "/queues", "queue": "/queues/orders", "log-groups": "/logs", "logs": "/logs/%2Faws%2Flambda%2Fgreeter"}
    ground = "getComputedStyle(document.body).backgroundColor"
    b.scheme("light")
    b.goto(server.console + "/")
    light = b.js(ground)
    shot("overview-light")
    b.scheme("dark")
    dark = b.js(ground)
    assert light != dark, "the system's choice is followed"
    for n, p in pages.items():
        b.goto(server.console + p)
        shot(n + "-dark")
    b.key("t")
    assert b.js(ground) == light, "the switch holds against the system"
    b.goto(server.console + "/queues")
    assert b.js(ground) == light, "and on the next page"
    b.key("t")
    assert b.js(ground) == dark
    b.js("localStorage.clear()")
    b.scheme("light")
    b.size(390, 844)
    for n, p in pages.items():
        b.goto(server.console + p)
        steady(b, 390)
        shot(n + "-narrow")
    b.size(1280, 860)


def test_errors_say_what_to_do(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/queues/no-such-queue")
    assert "QueueDoesNotExist" in b.text(".problem") or "NonExistentQueue" in b.text(".problem")
    assert "another region" in b.text(".problem")
    shot("error-light")
    b.problems.clear()


def test_region(server, signed_in):
    b = signed_in
    b.goto(server.console + "/queues/orders")
    b.leaves(lambda: b.js("(() => { const s = document.querySelector('#region'); s.value = 'eu-west-1'; s.dispatchEvent(new Event('change', {bubbles: true})); })()"))
    assert b.js("location.pathname") == "/queues" and "No queues in eu-west-1" in b.text("#list")
    b.leaves(lambda: b.js("(() => { const s = document.querySelector('#region'); s.value = 'us-east-1'; s.dispatchEvent(new Event('change', {bubbles: true})); })()"))
    assert "orders" in b.text("#list")


def test_a_stack_is_deleted_live(server, signed_in, shot):
    b = signed_in
    b.goto(server.console + "/stacks/desk")
    b.click("#actions form[action$=delete] button")
    b.wait("document.querySelector('#ask').open")
    assert b.text("#ask p") == "Delete the stack desk and everything it made?"
    shot("ask-light")
    b.key("Escape")
    b.wait("!document.querySelector('#ask').open")
    assert server.client("cloudformation").describe_stacks(StackName="desk")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    b.click("#actions form[action$=delete] button")
    b.leaves(lambda: b.click("#ask button[value=yes]"))
    b.wait("document.querySelector('#status').innerText.includes('DELETE_COMPLETE')", 60)
    b.goto(server.console + "/stacks?deleted=1")
    assert "desk" in b.text("#list")


def test_other_origins(server, signed_in):
    b = signed_in
    b.goto(server.endpoint.replace("127.0.0.1", "localhost") + "/_virga/health")
    got = b.js(f"""fetch({json.dumps(server.console)} + '/queues/hostile/purge', {{method: 'POST', credentials: 'include', mode: 'no-cors', body: ''}}).then(() => 'sent', () => 'failed')""")
    assert got in ("sent", "failed")
    b.goto(server.console + "/queues")
    b.problems.clear()  # Chromium logs what was refused, and that the API has no icon
    n = server.client("sqs").get_queue_attributes(QueueUrl=server.endpoint + "/000000000000/hostile", AttributeNames=["ApproximateNumberOfMessages"])
    assert n["Attributes"]["ApproximateNumberOfMessages"] == "1", "a page of the API's own host cannot act in the console"


def test_a_busy_log_does_not_fall_behind(server, signed_in):
    b, logs = signed_in, server.client("logs")
    logs.create_log_group(logGroupName="busy")
    logs.create_log_stream(logGroupName="busy", logStreamName="s")

    def put(batch):
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName="busy", logStreamName="s", logEvents=[{"timestamp": now, "message": f"batch {batch} line {i}"} for i in range(2000)])
    put(0)
    b.goto(server.console + "/logs/busy")
    assert b.text("#lines").rstrip().endswith("batch 0 line 1999"), "lines of one millisecond stay in their order"
    assert "older ones are there" in b.text("main")
    for batch in range(1, 5):
        time.sleep(0.3)
        put(batch)
    b.wait("document.querySelector('#lines').innerText.includes('batch 4 line 1999')")
    assert "lines were skipped" in b.text("#lines"), "what is left out is said"
    assert b.js("document.querySelectorAll('#lines > div').length") <= 2000
