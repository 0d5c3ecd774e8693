"""A manifest file: its documents, the kind of each, and the objects they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from simcost.catalog import Catalog, load_catalog
from simcost.errors import Fault, FaultsError, did_you_mean
from simcost.plan.autoscaling import Source
from simcost.scenario.files import yaml
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.manifests import (
    aws,
    aws_files,
    dynamo,
    endpoint_picker,
    hpa,
    karpenter,
    keda,
    knative,
    ray,
)
from simcost.scenario.manifests.documents import objects_of
from simcost.scenario.manifests.fields import Fields, ManifestFile
from simcost.scenario.manifests.manifest import Manifest

_NONE: Mapping[str, Source] = {}
_TEMPLATE = re.compile(r"\{\{-?\s*[.$\w(/\"].*?\}\}")
_HELM = re.compile(r"\.(Values|Release|Chart|Files|Capabilities|Template)\b|\b(include|template|tpl)\s+\\?\"")
"""Names in a template that only Helm has."""
_OLD_HPA = {
    "autoscaling/v1": "holds the CPU target alone; kubectl get hpa.v2.autoscaling NAME -o yaml writes it as v2",
    "autoscaling/v2beta1": "was removed in Kubernetes 1.25; write autoscaling/v2 and target: {type, averageValue}",
    "autoscaling/v2beta2": "was removed in Kubernetes 1.26; write autoscaling/v2, the fields are the same",
}
_KINDS = {
    "HorizontalPodAutoscaler": ("autoscaling/v2",),
    "ScaledObject": ("keda.sh/v1alpha1",),
    "Service": ("serving.knative.dev/v1",),
    "Configuration": ("serving.knative.dev/v1",),
    "Revision": ("serving.knative.dev/v1",),
    "PodAutoscaler": ("autoscaling.internal.knative.dev/v1alpha1",),
    "NodePool": ("karpenter.sh/v1",),
    "EndpointPickerConfig": ("llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"),
}
_INSTEAD = {
    "InferenceService": "KServe makes an autoscaler of it: give that, by kubectl get hpa,scaledobject,ksvc -o yaml",
    "LLMInferenceService": "KServe makes an autoscaler of it: give that, by kubectl get hpa,scaledobject -o yaml, and "
    "its EndpointPickerConfig for the router",
    "VLLMRuntime": "production-stack makes a ScaledObject of it: give that, by kubectl get scaledobject -o yaml",
    "NIMService": "the NIM operator makes an autoscaler of spec.scale: give that, by kubectl get hpa -o yaml",
    "VariantAutoscaling": "it publishes replicas that an HPA follows: write scaling: {kind: chain, first: {kind: wva, "
    "max: 8}, then: {from: hpa.yaml}}",
    "HTTPScaledObject": "it scales by the requests that KEDA's add-on counts: write scaling: {kind: keda, min: 0, "
    "max: 10, cooldown: 300s, triggers: [{kind: metric, name: in_flight, threshold: 100}]}, or name: requests_per_s "
    "for a requestRate",
    "ScaledJob": "it starts jobs, not replicas: give a ScaledObject, or its jobs as those of a plan",
    "InferencePool": "it names the picker of its endpoints: give the EndpointPickerConfig, or its ConfigMap",
    "DynamoGraphDeployment": "its planner scales it: give the config of the planner",
    "Deployment": "it does not describe scaling: give its autoscaler, by kubectl get hpa,scaledobject -o yaml, or "
    "write scaling: {kind: fixed, replicas: ...}",
    "StatefulSet": "it does not describe scaling: give its autoscaler, by kubectl get hpa,scaledobject -o yaml",
    "LeaderWorkerSet": "it does not describe scaling: give its autoscaler, by kubectl get hpa,scaledobject -o yaml",
    "PodAutoscaler": "AIBrix makes an HPA of its strategy HPA: give that, by kubectl get hpa -o yaml; for KPA or APA "
    "write its target as scaling: {kind: hpa, min: 1, max: 8, metrics: [{type: Pods, name: kv_utilisation, "
    "target_type: AverageValue, target: 0.5}]}",
    "RayCluster": "it scales nodes, not replicas: give the Serve config, or the RayService",
    "EC2NodeClass": "it says how nodes are made: give the NodePool that names it",
}
"""Remedies for objects of which others make an autoscaler."""
_AIBRIX = "autoscaling.aibrix.ai/"
_SCALERS = (
    "HorizontalPodAutoscaler",
    "ScaledObject",
    "Service",
    "Configuration",
    "Revision",
    "PodAutoscaler",
    "Ray Serve",
    "Application Auto Scaling",
    "Dynamo planner",
)
_KNOWN = (
    "HorizontalPodAutoscaler, ScaledObject, Knative Service, NodePool, EndpointPickerConfig, and the configs of Ray "
    "Serve, Application Auto Scaling and the Dynamo planner"
)


@dataclass(frozen=True, slots=True)
class _Document:
    """One document and its kind; no kind = it is not supported."""

    fields: Fields
    kind: str
    name: str
    title: str
    namespace: str = ""
    outdated: str = ""
    """Fault of its version; empty where it has none."""

    @property
    def path(self) -> str:
        """Name after the namespace, where it has one."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def called(self, name: str | None) -> bool:
        """True if it is the object of this name, or of a name after its namespace."""
        return bool(self.name) and name in (self.name, self.path)


class _Asked(NamedTuple):
    """Request: what is wanted besides the file."""

    name: str | None
    """Of a part within a document: a deployment, a profile, a target; None = no part, or the only one."""
    signals: Mapping[str, Source]
    catalog: Catalog | None
    bounds: aws.CapacityBounds


def read_manifest(
    path: Path,
    *,
    name: str | None = None,
    signals: Mapping[str, Source] = _NONE,
    catalog: Catalog | None = None,
    bounds: aws.CapacityBounds = aws.NO_BOUNDS,
) -> Manifest:
    """Parts of a manifest that simcost reads.

    Args:
        path: YAML or JSON; it may hold several documents, of which other objects are passed over.
        name: which object, deployment or profile, where the file holds several.
        signals: metric to the signals it is made of, for metrics that are not known by their names or queries.
        catalog: facts about instance types; None = ours.
        bounds: fewest and most replicas, where the file has none.

    Returns:
        Policy, node pool, router and limits, as far as the file has them. Metrics that no signal makes are in
        `unmapped`: recorded ones may be replayed, a simulation asks for `mapped()`.

    Raises:
        FaultsError: all that is wrong, each with its place and remedy.
    """
    text, faults = yaml.read(path)
    faults = faults or _templates(text, str(path))
    if faults:
        raise FaultsError(faults)
    roots, reading = objects_of(text, str(path))
    found = [_document(Fields(reading, root)) for root in roots]
    manifest = Manifest(file=str(path), kind="", name="")
    if not reading.faults:
        chosen = _chosen(found, name, reading, roots)
        asked = _Asked(None if any(document.called(name) for document in chosen) else name, signals, catalog, bounds)
        for document in chosen:
            manifest = _read(document, asked, manifest)
    if reading.faults:
        raise FaultsError(sorted(reading.faults, key=lambda fault: (fault.line, fault.column)))
    return replace(manifest, not_simulated=tuple(reading.not_simulated()))


def _templates(text: str, file: str) -> list[Fault]:
    """Places where a template engine should have been.

    A string may hold a template of another engine, such as a chat template: there, only Helm's own names count.
    """
    if "{{" not in text:
        return []
    spans, start, faults = list(yaml.scalar_spans(text)), 0, []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        for found in _TEMPLATE.finditer(line):
            before = line[: found.start()]
            at = start + found.start()
            inside = next((quoted for first, last, quoted in spans if first <= at < last), None)
            text_alone = inside or (inside is False and before.strip())
            comment = inside is None and re.search(r"(^|\s)#", before)
            if not comment and (not text_alone or _HELM.search(found[0])):
                message = f"holds the template {found[0]}; render it first: helm template CHART > manifest.yaml"
                faults.append(Fault(file=file, line=number, column=found.start() + 1, message=message))
                break
        start += len(line)
    return faults


def _document(fields: Fields) -> _Document:
    """Content of a document."""
    version, kind = fields.text("apiVersion") or "", fields.text("kind") or ""
    meta = fields.child("metadata")
    name = (meta.text("name") if meta is not None else None) or ""
    within = meta.mapping.get("namespace") if meta is not None else None  # stays listed as not simulated
    namespace = str(within.value) if within is not None and within.value is not None else ""
    if version or kind:
        outdated = _outdated(kind, version)
        ours = kind if version in _KINDS.get(kind, ()) else ""
        return _Document(fields, ours, name, f"{kind} {name}".strip(), namespace, outdated)
    keys = set(fields.mapping)
    if keys & set(ray.KEYS):
        return _Document(fields, "Ray Serve", "", "Ray Serve")
    if keys & set(aws_files.KEYS) or aws_files.is_template(fields):
        return _Document(fields, "Application Auto Scaling", "", "Application Auto Scaling")
    if keys & set(dynamo.KEYS):
        return _Document(fields, "Dynamo planner", "", "Dynamo planner")
    return _Document(fields, "", "", "a mapping without apiVersion and kind")


def _outdated(kind: str, version: str) -> str:
    """Fault of an object that is read in other versions; empty where there is none."""
    known = _KINDS.get(kind, (version,))
    if version in known:
        return ""
    if kind == "HorizontalPodAutoscaler" and version in _OLD_HPA:
        return f"{version} {_OLD_HPA[version]}"
    same_group = version.partition("/")[0] == known[0].partition("/")[0]
    if version.startswith(_AIBRIX) or (not same_group and kind in ("Service", "Configuration", "Revision")):
        return ""
    near = did_you_mean(version, known) or f"; known is {' or '.join(known)}"
    return f"{version!r} of a {kind} is not known here{near}"


def _chosen(
    documents: list[_Document], name: str | None, reading: ManifestFile, roots: list[YamlNode]
) -> list[_Document]:
    """One scaler, one node pool, one picker at most; the others are passed over, or must be chosen from."""
    ours = [document for document in documents if document.kind]
    known = any(document.called(name) for document in ours)
    for document in documents:
        if document.outdated and (document.called(name) or not known):
            document.fields.fault(document.outdated, "apiVersion")
    chosen: list[_Document] = []
    for kinds in (_SCALERS, ("NodePool",), ("EndpointPickerConfig",)):
        found = [document for document in ours if document.kind in kinds]
        named = [document for document in found if document.called(name)]
        if len(found) > 1 and not named:
            titles = ", ".join(_titles(found))
            found[1].fields.fault(
                f"is one of several: {titles}; choose one with --name NAME, or `name:` next to `from:`"
            )
        if len(named) > 1:
            named[1].fields.fault(_same_name(named, name))
        chosen += named or found[:1]
    if not ours and not reading.faults:
        _none(documents, reading, roots)
    names = [
        document.name for document in chosen if document.kind != "EndpointPickerConfig"
    ]  # has profiles of other names
    called = any(document.called(name) for document in chosen)
    if name is not None and chosen and all(names) and len(names) == len(chosen) and not called:
        chosen[0].fields.fault(f"is called {' or '.join(names)}, not {name}")
    for document in documents:
        if document not in chosen:
            _pass_over(document, reading)
    return chosen


def _titles(documents: list[_Document]) -> list[str]:
    """Titles of documents; with the namespace where it tells two of one name apart."""
    titles = [document.title for document in documents]
    return [
        title if titles.count(title) == 1 else f"{document.kind} {document.path}"
        for title, document in zip(titles, documents, strict=True)
    ]


def _same_name(named: list[_Document], name: str | None) -> str:
    """Fault of objects of one name, with the names after the namespace where these differ."""
    paths = list(dict.fromkeys(document.path for document in named))
    if len(paths) == len(named) and all(document.namespace for document in named):
        return f"is called {name} as another one of the file is; write {' or '.join(paths)}"
    kinds = " and ".join(dict.fromkeys(document.kind for document in named))
    return f"is called {name} as another one of the file is ({kinds}), which no name tells apart; keep one"


def _none(documents: list[_Document], reading: ManifestFile, roots: list[YamlNode]) -> None:
    """No document is of a supported kind."""
    if not roots:
        reading.faults.append(Fault(file=reading.file, line=1, column=1, message=f"is empty; known here are {_KNOWN}"))
    for document in documents:
        kind = document.fields.get("kind")
        instead = _INSTEAD.get(str(kind.value) if kind is not None else "", f"known are {_KNOWN}")
        message = f"{document.title} is not a manifest known here; {instead}"
        document.fields.fault(message, "kind" if kind else "")


def _pass_over(document: _Document, reading: ManifestFile) -> None:
    """Another object of the file, noted as one."""
    for fields in reading.seen:
        if fields is document.fields or fields is document.fields.children.get("metadata"):
            fields.passes(*fields.mapping)
    reading.notes.append(document.title)


def _read(document: _Document, asked: _Asked, manifest: Manifest) -> Manifest:
    """The manifest with the parts of another document."""
    root, kind = document.fields, document.kind
    named = replace(manifest, kind=manifest.kind or kind, name=manifest.name or document.name)
    if kind == "NodePool":
        spec = root.child("spec", required=True)
        nodes = karpenter.read_nodepool(spec, asked.catalog or load_catalog()) if spec is not None else None
        return replace(named, nodes=nodes)
    if kind == "EndpointPickerConfig":
        return replace(
            named, router=endpoint_picker.read_epp(root, asked.name), admission=endpoint_picker.read_door(root)
        )
    if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        return _kubernetes(document, named, asked.signals)
    if kind == "Ray Serve":
        return _ray(root, asked.name, named)
    if kind == "Application Auto Scaling":
        policy, target, unmapped = aws.read_aws(root, asked.signals, asked.name, asked.bounds)
        return replace(named, policy=policy, name=target, unmapped=tuple(unmapped))
    if kind == "Dynamo planner":
        return replace(named, policy=dynamo.read_dynamo(root))
    kpa, door = knative.read_knative(root, kind)
    return replace(named, policy=kpa, admission=door)


def _kubernetes(document: _Document, manifest: Manifest, signals: Mapping[str, Source]) -> Manifest:
    spec = document.fields.child("spec", required=True)
    if spec is None:
        return manifest
    if document.kind == "HorizontalPodAutoscaler":
        policy, unmapped = hpa.read_hpa(spec, signals)
        return replace(manifest, policy=policy, unmapped=tuple(unmapped))
    meta = document.fields.child("metadata")
    notes = meta.child("annotations") if meta is not None else None
    given = {} if notes is None else {key: str(notes.text(key)) for key in keda.ANNOTATIONS if notes.has(key)}
    scaled, unmapped = keda.read_keda(spec, given, signals)
    return replace(manifest, policy=scaled, unmapped=tuple(unmapped))


def _ray(root: Fields, name: str | None, manifest: Manifest) -> Manifest:
    found = ray.deployments(root)
    chosen = [deployment for deployment in found if name in (None, deployment.name)]
    if len(chosen) != 1:
        if not root.reading.faults:
            names = ", ".join(deployment.name for deployment in found) or "(none)"
            root.fault(f"holds the deployments {names}; choose one by its name")
        return manifest
    deployment = chosen[0]
    return replace(
        manifest,
        policy=ray.read_ray(deployment),
        admission=ray.read_door(deployment),
        gpus=ray.read_gpus(deployment),
        name=deployment.name,
    )
