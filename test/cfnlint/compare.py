#!/usr/bin/env python3
"""Compares internal/template/lint with cfn-lint: real templates, and copies of them with one mistake put in.

usage: compare.py --corpus visible.zip --cfn-lint PATH [--limit N] [--at-least PERCENT]
Only the rules that lint/rules.go lists as done count, and of templates with the SAM transform only those that declare no
AWS::Serverless resources. A case agrees when both name the same rules. A mistake's copy is made by rules below, no chance.
"""
import argparse, json, os, re, subprocess, sys, tempfile, zipfile
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def done():
    text = open(os.path.join(ROOT, "internal/template/lint/rules.go")).read().split("NotDone")[0]
    return set(re.findall(r'^\s*"(E\d{4})":', text, re.M)) - {"E0000", "E1001"}


def mistakes(text):
    """Copies with one mistake each: (what, text). They work on lines, so that places and tags stay."""
    lines = text.split("\n")
    seen = Counter()

    def with_line(i, *new):
        return "\n".join(lines[:i] + list(new) + lines[i + 1:])

    section = ""
    for i, l in enumerate(lines):
        top = re.match(r"(\w+):", l)
        if top:
            section = top.group(1)
        if section not in ("Resources", "Outputs"):
            continue
        for what, pattern, make in (
            ("unknown property", r"^(\s{4,})Properties:\s*$", lambda m: (m.group(0), m.group(1) + "  Zzz: 1")),
            ("unknown type", r"^(\s+Type: *)['\"]?AWS::\w+::\w+['\"]?\s*$", lambda m: (m.group(1) + "AWS::Nope::Nope",)),
            ("bad Ref", r"^(.*)!Ref +[\w:.'\"]+(.*)$", lambda m: (m.group(1) + "!Ref Nobody" + m.group(2),)),
            ("bad GetAtt", r"^(.*)!GetAtt +['\"]?(\w+)\.[\w.]+['\"]?(.*)$", lambda m: (m.group(1) + "!GetAtt " + m.group(2) + ".Nope" + m.group(3),)),
            ("GetAtt of nothing", r"^(.*)!GetAtt +['\"]?(\w+)\.(\w+)['\"]?(.*)$", lambda m: (m.group(1) + "!GetAtt Nobody." + m.group(3) + m.group(4),)),
            ("bad Sub", r"^(.*)\$\{AWS::Region\}(.*)$", lambda m: (m.group(1) + "${Nobody}" + m.group(2),)),
            ("bad DependsOn", r"^(\s+DependsOn: *)\w+\s*$", lambda m: (m.group(1) + "Nobody",)),
            ("property gone", r"^\s{6}\w+: +[^!&|>{\[]+$", lambda m: ()),
            ("list for text", r"^(\s{6,}\w+: +)[\w./-]+\s*$", lambda m: (m.group(1) + "[x]",)),
            ("text for map", r"^(\s{6}\w+:)\s*$", None),
            ("huge number", r"^(\s{6,}\w+: +)\d+\s*$", lambda m: (m.group(1) + "99999999999",)),
            ("word for number", r"^(\s{6,}\w+: +)\d+\s*$", lambda m: (m.group(1) + "word",)),
            ("unlikely value", r"^(\s{6,}\w+: +)[A-Za-z]\w+\s*$", lambda m: (m.group(1) + "no_such_value",)),
        ):
            m = re.match(pattern, l)
            if not m or make is None or seen[what] >= 3:
                continue
            seen[what] += 1
            yield what, with_line(i, *make(m))


def ours(paths, tmp):
    names = os.path.join(tmp, "paths")
    open(names, "w").write("\n".join(paths) + "\n")
    r = subprocess.run(["go", "test", "-count=1", "-p=1", "-run", "TestFiles", "-v", "./internal/template/lint"], cwd=ROOT, capture_output=True, text=True,
                       env={**os.environ, "VIRGA_LINT_FILES": names})
    if r.returncode:
        sys.exit(r.stdout[-2000:] + r.stderr[-2000:])
    found = {p: set() for p in paths}
    for l in r.stdout.split("\n"):
        f = l.split("\t")
        if f[0] == "FINDING":
            found[f[1]].add(f[2])
    return found


def theirs(paths, tool):
    found = {p: set() for p in paths}
    for i in range(0, len(paths), 50):
        r = subprocess.run([tool, "-f", "json", "--non-zero-exit-code", "none", "--"] + paths[i:i + 50], capture_output=True, text=True)
        for f in json.loads(r.stdout or "[]"):
            found[f["Filename"]].add(f["Rule"]["Id"])
    return found


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--corpus", required=True)
    a.add_argument("--cfn-lint", required=True)
    a.add_argument("--limit", type=int, default=400)
    a.add_argument("--fails", type=int, default=20)
    a.add_argument("--at-least", type=float, default=0)
    o = a.parse_args()
    rules = done()
    with tempfile.TemporaryDirectory() as tmp:
        cases = {}
        plain = []
        with zipfile.ZipFile(o.corpus) as z:
            for n in sorted(z.namelist()):
                if not re.search(r"\.(ya?ml|template)$", n):
                    continue
                text = z.read(n).decode("utf-8", "replace")
                if not re.search(r"^Resources:", text, re.M) or "AWS::Serverless" in text.replace("AWS::Serverless-2016-10-31", ""):
                    continue
                plain.append((n, text))
        for n, text in plain:
            for k, (what, t) in enumerate([("as it is", text)] + list(mistakes(text))):
                p = os.path.join(tmp, n.replace("/", "_") + f".{k}.yaml")
                cases[p] = (n, what, t)
        if len(cases) > o.limit:  # every n-th, the untouched ones always
            keep = [p for p in cases if cases[p][1] == "as it is"]
            rest = [p for p in cases if cases[p][1] != "as it is"]
            step = max(1, len(rest) // max(1, o.limit - len(keep)))
            cases = {p: cases[p] for p in keep + rest[::step]}
        for p, (_, _, t) in cases.items():
            open(p, "w").write(t)
        paths = list(cases)
        us, them = ours(paths, tmp), theirs(paths, getattr(o, "cfn_lint"))
        agree, by, missed, extra, shown = 0, Counter(), Counter(), Counter(), 0
        for p in paths:
            a_, b_ = us[p] & rules, them[p] & rules
            what = cases[p][1]
            by[what, a_ == b_] += 1
            agree += a_ == b_
            missed.update(b_ - a_)
            extra.update(a_ - b_)
            if a_ != b_ and shown < o.fails:
                shown += 1
                print("differs:", cases[p][0], "|", what, "| ours", sorted(a_), "| cfn-lint", sorted(b_))
        for w in sorted({w for w, _ in by}):
            print(f"{w}: {by[w, True]} of {by[w, True] + by[w, False]}")
        print("only cfn-lint:", dict(missed), " only ours:", dict(extra))
        share = 100 * agree / max(1, len(paths))
        print(f"{agree} of {len(paths)} cases agree ({share:.1f} %) on {len(rules)} rules; {len(plain)} templates")
        sys.exit(share < o.at_least)


main()
