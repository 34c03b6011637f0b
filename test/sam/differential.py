#!/usr/bin/env python3
"""Transforms templates with the reference package and with ours and tells every difference.

  differential.py --ours "conform sam" [--corpus FILE] [--cases FILE] [--mutate N] [--seed S] [--only REGEX]

Templates are those of the corpus archive and of the conformance suite; with --mutate, N changed copies of them: members taken away,
values of other types, parts moved.  Outputs must be equal to the last list's order and hash, errors word for word; where the reference
stumbles (an exception it does not expect) ours must refuse too.  The data lies beside the project and is named as not run when absent.
"""
import argparse
import copy
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import zipfile

import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("VIRGA_SHARED") or os.path.join(HERE, "..", "..", "..", "shared")


class Loader(yaml.SafeLoader):
    pass


Loader.add_multi_constructor("!", intrinsics_multi_constructor)
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda l, n: n.value)


class Helper:
    def __init__(self, cmd):
        self.cmd, self.p = cmd, None

    def ask(self, q):
        if self.p is None:
            self.p = subprocess.Popen(self.cmd, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.p.stdin.write(json.dumps(q) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            self.p = None
            return {"crash": True}
        return json.loads(line)


def templates(a):
    if os.path.exists(a.corpus):
        with zipfile.ZipFile(a.corpus) as z:
            for n in sorted(z.namelist()):
                if re.search(r"\.(ya?ml|json|template)$", n) and "LICENSES" not in n:
                    t = z.read(n).decode("utf-8", "replace")
                    if "AWS::Serverless" in t and "Resources" in t:
                        yield "corpus/" + n, t
    else:
        print("not run: no corpus at", a.corpus)
    if os.path.exists(a.cases):
        with gzip.open(a.cases, "rt", encoding="utf-8") as f:
            for line in f:
                c = json.loads(line)
                yield "case/" + c["name"], c["template"]
    else:
        print("not run: no cases at", a.cases)


def load(text):
    try:
        t = yaml.load(text, Loader)
        json.dumps(t)
        return t if isinstance(t, dict) else None
    except Exception:
        return None


def nodes(v, path=()):
    yield path
    if isinstance(v, dict):
        for k in v:
            yield from nodes(v[k], path + (k,))
    elif isinstance(v, list):
        for i, x in enumerate(v):
            yield from nodes(x, path + (i,))


def at(v, path):
    for k in path:
        v = v[k]
    return v


def mutate(t, rnd, others):
    t = copy.deepcopy(t)
    for _ in range(rnd.choice((1, 1, 1, 2, 3))):
        paths = [p for p in nodes(t) if len(p) > 1]
        if not paths:
            return t
        p = rnd.choice(paths)
        parent, k = at(t, p[:-1]), p[-1]
        how = rnd.randrange(8)
        if how == 0:
            del parent[k]
        elif how == 1:
            parent[k] = rnd.choice((None, True, False, 0, 7, 2.5, "", "text", [], ["text"], {}, {"Ref": "AWS::NoValue"}, {"Ref": "param1"},
                                    {"Fn::If": ["C", "a", {"Ref": "AWS::NoValue"}]}, {"Fn::Sub": "${param1}-x"}, {"a": "b"}, [{"a": "b"}]))
        elif how == 2:
            parent[k] = copy.deepcopy(at(t, rnd.choice(paths)))
        elif how == 3 and isinstance(parent, dict):
            parent[str(k) + rnd.choice(("X", "1", "-", ""))] = parent.pop(k)
        elif how == 4 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[k]))
        elif how == 5:
            parent[k] = [parent[k]]
        elif how == 6:
            parent[k] = {"Fn::If": ["C", parent[k], {"Ref": "AWS::NoValue"}]}
        else:
            o = rnd.choice(others)
            q = rnd.choice(list(nodes(o)))
            parent[k] = copy.deepcopy(at(o, q))
    return t


def difference(a, b, path=""):
    if type(a) is not type(b) and not (isinstance(a, (int, float)) and isinstance(b, (int, float)) and a == b):
        return f"{path}: ours {json.dumps(a)[:200]} reference {json.dumps(b)[:200]}"
    if isinstance(a, dict):
        for k in list(b) + [k for k in a if k not in b]:
            if k not in a or k not in b:
                return f"{path}/{k}: {'missing in ours' if k not in a else 'only in ours'}"
            d = difference(a[k], b[k], f"{path}/{k}")
            if d:
                return d
        return ""
    if isinstance(a, list):
        if path.endswith(("/DependsOn", "/Fn::Or")):  # of Python sets: in no order
            a, b = sorted(a, key=json.dumps), sorted(b, key=json.dumps)
        if len(a) != len(b):
            return f"{path}: {len(a)} items, reference {len(b)}"
        return next((d for d in (difference(x, y, f"{path}[{i}]") for i, (x, y) in enumerate(zip(a, b))) if d), "")
    return "" if a == b else f"{path}: ours {json.dumps(a)[:200]} reference {json.dumps(b)[:200]}"


def plain(m):
    return re.sub(r"\bu('[^']*')", r"\1", m)


def compare(ours, ref):
    if "crash" in ours:
        return "ours crashed"
    if "errorMessage" in ref:
        if "errorMessage" not in ours:
            return "ours gave a template; reference: " + ref["errorMessage"][:300]
        if ref["errorMessage"].startswith("internal:"):
            return ""
        if plain(ours["errorMessage"]) != plain(ref["errorMessage"]):
            return f"errors differ:\n    ours      {ours['errorMessage'][:600]}\n    reference {ref['errorMessage'][:600]}"
        return ""
    if "errorMessage" in ours:
        return "ours refused: " + ours["errorMessage"][:300]
    return difference(ours["output"], ref["output"])


def main():
    sys.setrecursionlimit(10000)
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--ours", required=True)
    ap.add_argument("--corpus", default=os.path.join(SHARED, "corpus", "visible.zip"))
    ap.add_argument("--cases", default=os.path.join(SHARED, "conformance", "sam", "cases.jsonl.gz"))
    ap.add_argument("--mutate", type=int, default=0)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--region", default="us-east-1")
    ap.add_argument("--toggles", action="store_true", help="with all feature toggles on")
    ap.add_argument("--only", default="")
    ap.add_argument("--show", type=int, default=20)
    a = ap.parse_args()
    ours, ref = Helper(a.ours), Helper(f"{sys.executable} {os.path.join(HERE, 'reference.py')}")
    items = [(n, t, None) for n, t in templates(a) if re.search(a.only, n)]
    if a.mutate:
        rnd = random.Random(a.seed)
        loaded = [(n, x) for n, t, _ in items for x in [load(t)] if x]
        others = [x for _, x in loaded]
        items = []
        for i in range(a.mutate):
            n, x = rnd.choice(loaded)
            items.append((f"{n}#{a.seed}.{i}", None, mutate(x, rnd, others)))
    bad = internal = refused = 0
    with tempfile.TemporaryDirectory() as d:
        f = os.path.join(d, "template.yaml")
        for name, text, tree in items:
            if text is None:
                try:
                    text = json.dumps(tree)
                except (TypeError, ValueError):
                    continue
            with open(f, "w", encoding="utf-8") as o:
                o.write(text)
            q = {"template": f, "region": a.region, "partition": "", "parameters": {"param1": "value1", "param2": "value2"},
                 "managed_policies": {}, "feature_toggle": a.toggles, "always_deploy": "1700000000"}
            r = ref.ask(q)
            internal += r.get("errorMessage", "").startswith("internal:")
            refused += "errorMessage" in r
            diff = compare(ours.ask(q), r)
            if diff:
                bad += 1
                if bad <= a.show:
                    print(f"DIFFERENT {name}: {diff}")
                    if tree is not None and os.environ.get("KEEP"):
                        with open(os.path.join(os.environ["KEEP"], re.sub(r"\W+", "_", name) + ".json"), "w") as o:
                            o.write(text)
    print(f"{len(items)} templates, {len(items) - bad} equal ({refused} refused by both or the reference, of these {internal} by an internal failure), {bad} different")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
