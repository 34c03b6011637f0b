"""Reads the facts the SAM transform needs out of the aws-sam-translator wheel and prints them as one JSON object.

The wheel's code is parsed, never imported or run: names, kinds and orders of properties are taken from its literals.
"""
import ast
import json
import sys
import zipfile

ROOT = "samtranslator/"


def parse(z, name):
    return ast.parse(z.read(ROOT + name).decode())


def check(n, aliases):
    """A validator expression as a small tree: a word, or a list whose first item is a word."""
    if isinstance(n, ast.Name):
        return {"IS_DICT": "map", "IS_STR": "string", "IS_BOOL": "bool", "IS_LIST": "list", "IS_INT": "int"}[n.id]
    if isinstance(n, ast.Call):
        f = n.func.id
        if f == "any_type":
            return "any"
        if f == "is_type":
            return {"dict": "map", "str": "string", "bool": "bool", "list": "list", "int": "int"}[n.args[0].id]
        if f == "IS_STR_ENUM":
            return ["enum"] + [e.value for e in n.args[0].elts]
        return [f] + [check(a, aliases) for a in n.args]
    raise SystemExit("facts: a validator of another form: " + ast.dump(n))


def prop(n):
    kind = n.func.id
    args = list(n.args)
    kw = {k.arg: k.value for k in n.keywords}
    required = (args[0] if args else kw.get("required"))
    required = bool(required.value) if required is not None else False
    if kind in ("GeneratedProperty", "PassThroughProperty", "MutatedPassThroughProperty"):
        return {"required": required, "check": "any"}
    v = args[1] if len(args) > 1 else kw.get("validate")
    p = {"required": required, "check": check(v, {}) if v is not None else "any"}
    third = args[2] if len(args) > 2 else kw.get("supports_intrinsics")
    if kind == "PropertyType" and (third is None or third.value):
        p["intrinsics"] = True
    return p


def classes(tree, base=None):
    """Resource kind to its list of properties."""
    out, byname, bases = {}, {}, {}
    for c in tree.body:
        if not isinstance(c, ast.ClassDef):
            continue
        kind, props = None, None
        for s in c.body:
            t = s.target if isinstance(s, ast.AnnAssign) else s.targets[0] if isinstance(s, ast.Assign) else None
            if t is None or not isinstance(t, ast.Name) or s.value is None:
                continue
            if t.id == "resource_type" and isinstance(s.value, ast.Constant):
                kind = s.value.value
            if t.id == "property_types" and isinstance(s.value, ast.Dict):
                props = {}
                for k, v in zip(s.value.keys, s.value.values):
                    if k is None:
                        props.update(byname[v.value.id])
                    else:
                        props[k.value] = prop(v)
        if props is None:
            for b in c.bases:
                if isinstance(b, ast.Name) and b.id in byname:
                    props = byname[b.id]
        if props is not None:
            byname[c.name] = props
        if kind and props is not None:
            out[kind] = [dict({"name": n}, **p) for n, p in props.items()]
    return out


def models(tree, common, only=None):
    """The pydantic models of one schema file: class to its fields."""
    alias, out = {}, {}

    def kind(n):
        if isinstance(n, ast.Name):
            if n.id in ("str", "int", "float", "bool"):
                return n.id
            if n.id in ("Any", "PassThroughProp"):
                return "any"
            if n.id == "DictStrAny":
                return "map"
            if n.id in alias:
                return alias[n.id]
            if n.id in common:
                return common[n.id]
            if n.id in out:
                return ["model", n.id]
        if isinstance(n, ast.Constant) and n.value is None:
            return "null"
        if isinstance(n, ast.BinOp):
            l, r = kind(n.left), kind(n.right)
            return l if isinstance(l, list) and l[0] == "optional" and r == "null" else ["optional", l]
        if isinstance(n, ast.Subscript):
            f = n.value.id
            args = n.slice.elts if isinstance(n.slice, ast.Tuple) else [n.slice]
            if f == "SamIntrinsicable":
                return ["union", "map", kind(args[0])]
            if f == "Union":
                return ["union"] + [kind(a) for a in args]
            if f == "list":
                return ["list", kind(args[0])]
            if f == "dict":
                v = kind(args[1])
                return "map" if v == "any" else ["mapof", v]
            if f == "Literal":
                return ["literal"] + [a.value for a in args]
        raise SystemExit("facts: a type of another form: " + ast.dump(n))

    for s in tree.body:
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name):
            try:
                alias[s.targets[0].id] = kind(s.value)
            except (SystemExit, AttributeError):
                pass
        if not isinstance(s, ast.ClassDef):
            continue
        if s.name in ("Globals", "Resource") or only is not None and s.name not in only:
            continue
        fields = []
        for b in s.bases:
            if isinstance(b, ast.Name) and b.id in out:
                fields += out[b.id]
        for f in s.body:
            if not isinstance(f, ast.AnnAssign):
                continue
            k = kind(f.annotation)
            e = {"name": f.target.id, "type": k}
            if isinstance(k, list) and k[0] == "optional":
                e = {"name": f.target.id, "type": k[1], "optional": True}
            if isinstance(f.value, ast.Call):
                for w in f.value.keywords:
                    if w.arg in ("min_items", "max_items"):
                        e[w.arg] = w.value.value
            fields.append(e)
        out[s.name] = fields
    return out


def sections(tree):
    """Globals: each section with the properties it allows, in the order the error message names them."""
    kinds = {"LambdaLayerVersion": "LayerVersion", "MicroVMImage": "MicrovmImage"}
    for c in tree.body:
        if isinstance(c, ast.ClassDef) and c.name == "Globals":
            for s in c.body:
                if isinstance(s, ast.Assign) and s.targets[0].id == "supported_properties":
                    return [{"section": kinds.get(k.value.attr, k.value.attr), "properties": [e.value for e in v.elts]}
                            for k, v in zip(s.value.keys, s.value.values)]


def main():
    z = zipfile.ZipFile(sys.argv[1])
    push = classes(parse(z, "model/eventsources/push.py"))
    function_events = dict(push, **classes(parse(z, "model/eventsources/pull.py")))
    function_events.update(classes(parse(z, "model/eventsources/cloudwatchlogs.py")))
    scheduler = classes(parse(z, "model/eventsources/scheduler.py"))
    function_events.update(scheduler)
    function_events.pop(None, None)
    common = {"PermissionsType": ["list", ["literal", "Read", "Write"]]}
    schema = {}
    for f, only in (("graphqlapi", None), ("capacity_provider", None), ("networkconnector", None), ("microvmimage", None),
                    ("function", ("CapacityProviderConfig",))):
        schema[f] = models(parse(z, f"internal/schema_source/aws_serverless_{f}.py"), common, only)
    policies = {}
    for partition, names in json.loads(z.read(ROOT + "internal/data/aws_managed_policies.json")).items():
        paths = {}
        for name, arn in names.items():
            path = arn.removeprefix(f"arn:{partition}:iam::aws:policy/").removesuffix(name)
            assert arn == f"arn:{partition}:iam::aws:policy/{path}{name}", arn
            paths.setdefault(path, []).append(name)
        policies[partition] = {p: sorted(n) for p, n in sorted(paths.items())}
    templates = {}
    for name, t in json.loads(z.read(ROOT + "policy_templates_data/policy_templates.json"))["Templates"].items():
        templates[name] = {"parameters": list(t.get("Parameters", {})), "definition": t["Definition"]}
    profiles = json.loads(z.read(ROOT + "model/connector_profiles/profiles.json"))
    tables = {
        "policy_templates": templates,
        "connectors": {"permissions": profiles["Permissions"], "resources": profiles["CfnResourceProperties"]},
        "managed_policies": policies,
        "schema": {
            "resources": classes(parse(z, "model/sam_resources.py")),
            "function_events": function_events,
            "state_machine_events": dict(classes(parse(z, "model/stepfunctions/events.py")), **scheduler),
            "cloudformation": {k: [p["name"] for p in v] for f in ("s3", "cognito") for k, v in classes(parse(z, f"model/{f}.py")).items()},
            "globals": sections(parse(z, "plugins/globals/globals.py")),
            "models": schema,
        },
    }
    json.dump(tables, sys.stdout)


main()
