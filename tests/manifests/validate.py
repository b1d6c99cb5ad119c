"""Checks the Helm chart and the manifests in a folder such as deploy/.

Helm lints and renders the chart; everything that has a type of Kubernetes itself is validated against the schemas of
its last four minor versions; and what the chart creates is compared with what the kustomization creates.
"""

import copy
import pathlib
import sys

import helm_python
import yaml
from kubernetes_validate import utils

VERSIONS = 4
# A set of values for each part of the chart that is optional.
VALUES = {
    "default": {},
    "hpa": {"autoscaling": {"kind": "hpa"}},
    "keda": {"autoscaling": {"kind": "keda"}},
    "servicemonitor": {
        "serviceMonitor": {"enabled": True},
        "networkPolicy": {
            "administrators": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            ]
        },
    },
}
# Values that the schema of the values refuses.
REFUSED = [
    {"no-such-value": 1},
    {"replicas": "two"},
    {"autoscaling": {"kind": "vpa"}},
    {"networkPolicy": {"enabled": "yes"}},
]
# Types of operators, for which Kubernetes has no schemas.
OPERATORS = {
    "ClusterServingRuntime",
    "Component",
    "InferencePool",
    "InferenceService",
    "Kustomization",
    "ScaledObject",
    "ServiceMonitor",
    "SpinApp",
    "WorkloadDeployment",
}
LABELS = ("labels", "matchLabels")


def last_versions():
    minors = sorted({tuple(map(int, version.split(".")[:2])) for version in utils.all_versions()})
    return [f"{major}.{minor}" for major, minor in minors[-VERSIONS:]]


def validate(resource, where):
    if resource["kind"] in OPERATORS:
        return
    for version in last_versions():
        try:
            utils.validate(resource, version, strict=True)
        except utils.SchemaNotFoundError as error:
            raise SystemExit(f"{where}: {error.message}") from error
        except utils.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            raise SystemExit(f"{where}: {resource['kind']}, Kubernetes {version}: {path}: {error.message}") from error


def documents(path):
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.safe_load_all(file) if document]


def lint(chart):
    for name, values in VALUES.items():
        report = helm_python.lint(str(chart), values, strict=True)
        # Information, such as that the chart has no icon, is of severity 1.
        mistakes = [message for message in report["messages"] if message["severity"] > 1]
        if mistakes or report["errors"]:
            raise SystemExit(f"helm lint, values {name}: {mistakes} {report['errors']}")


def render(chart, values):
    rendered = chart.render(values, name="pilotlight", namespace="default")
    resources = [resource for text in rendered.values() for resource in yaml.safe_load_all(text)]
    return [resource for resource in resources if resource]


def refuses(chart):
    for values in REFUSED:
        try:
            chart.render(values, name="pilotlight")
        except helm_python.HelmValuesError:
            continue
        raise SystemExit(f"the chart takes the values {values}")


def kustomize(folder, component=None):
    """What `kubectl kustomize` makes of the resources, with one component: as much of it as is used here."""
    resources = resources_of(folder)
    if component:
        folder = folder / "components" / component
        resources += resources_of(folder)
        [kustomization] = documents(folder / "kustomization.yaml")
        for patch in kustomization.get("patches", []):
            target = patch["target"]
            matches = lambda one: (one["kind"], one["metadata"]["name"]) == (target["kind"], target["name"])
            [resource] = [one for one in resources if matches(one)]
            for operation in yaml.safe_load(patch["patch"]):
                apply(resource, operation)
    return resources


def resources_of(folder):
    [kustomization] = documents(folder / "kustomization.yaml")
    names = set(kustomization["resources"])
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    if names != there:
        raise SystemExit(f"{folder}: the kustomization names {sorted(names)}, there are {sorted(there)}")
    return [resource for name in sorted(names) for resource in documents(folder / name)]


def apply(resource, operation):
    """An operation of JSON Patch (RFC 6902)."""
    *way, last = operation["path"].strip("/").split("/")
    for part in way:
        resource = resource[int(part) if isinstance(resource, list) else part]
    match operation["op"], last:
        case "remove", key:
            del resource[key]
        case "add", "-":
            resource.append(operation["value"])
        case other:
            raise SystemExit(f"the patch operation {other} is not known here")


def comparable(resource):
    """A resource without labels and names that charts and kustomizations choose by themselves."""
    resource = copy.deepcopy(resource)

    def strip(value):
        if isinstance(value, dict):
            for key in LABELS:
                if key in value and not isinstance(value[key], str):
                    del value[key]
            if "image" in value:
                value["image"] = value["image"].split(":")[0]
                value.pop("imagePullPolicy", None)
            if "query" in value:
                # The chart knows the namespace.
                value["query"] = value["query"].replace('namespace="default", ', "")
            for one in value.values():
                strip(one)
        elif isinstance(value, list):
            for one in value:
                strip(one)

    strip(resource.get("spec", resource))
    return {key: value for key, value in resource.items() if key != "metadata"}


def compare(ours, theirs, name):
    ours, theirs = ({one["kind"]: one for one in resources} for resources in (ours, theirs))
    if ours.keys() != theirs.keys():
        raise SystemExit(f"{name}: the chart creates {sorted(ours)}, the kustomization {sorted(theirs)}")
    for kind, resource in ours.items():
        chart, kustomization = comparable(resource), comparable(theirs[kind])
        # A selector without its labels is empty.
        if kind == "Service":
            for one in (chart, kustomization):
                one["spec"].pop("selector")
                one["spec"].setdefault("type", "ClusterIP")
        if chart != kustomization:
            raise SystemExit(f"{name}: {kind} of the chart: {chart}\n\nof the kustomization: {kustomization}")


def pod_of_runtime(runtime):
    """The pod that KServe makes of a runtime."""
    spec = {key: runtime["spec"][key] for key in ("containers", "volumes")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": spec}


def main():
    deploy = pathlib.Path(sys.argv[1])
    path = deploy / "helm" / "pilotlight"
    lint(path)
    with helm_python.Chart.load(str(path)) as chart:
        refuses(chart)
        for name, values in VALUES.items():
            rendered = render(chart, values)
            kustomized = kustomize(deploy / "kubernetes", None if name == "default" else name)
            for resource in rendered + kustomized:
                validate(resource, name)
            compare(rendered, kustomized, name)
    files = [file for folder in ("gateway", "kserve", "spinkube", "wasmcloud") for file in (deploy / folder).iterdir()]
    for file in files:
        for resource in documents(file):
            validate(resource, file)
            if resource["kind"] == "ClusterServingRuntime":
                validate(pod_of_runtime(resource), file)
    print(f"Kubernetes {', '.join(last_versions())}: {len(VALUES)} sets of values, {len(files)} other files")


main()
