# Kubernetes' client for Python against the API that a kubeconfig names: prints what it has done, a line each.
import sys
import time

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

config.load_kube_config(sys.argv[1])
core, apps, custom = client.CoreV1Api(), client.AppsV1Api(), client.CustomObjectsApi()
namespace = "default"

print("version", client.VersionApi().get_code().git_version.split("+")[0])

names = ["a", "b", "c"]
for name in names:
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"page": "yes"}), data={"key": name})
    core.create_namespaced_config_map(namespace, body)
first = core.list_namespaced_config_map(namespace, label_selector="page=yes", limit=2)
rest = core.list_namespaced_config_map(namespace, label_selector="page=yes", limit=2, _continue=first.metadata._continue)
print("pages", [[item.metadata.name for item in page.items] for page in (first, rest)])

version = core.list_namespaced_config_map(namespace).metadata.resource_version
core.patch_namespaced_config_map("a", namespace, {"data": {"key": "patched"}})
core.delete_namespaced_config_map("b", namespace)
seen = []
watching = watch.Watch()
for event in watching.stream(core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=10):
    seen.append((event["type"], event["object"].metadata.name, event["object"].data["key"]))
    if len(seen) == 2:
        watching.stop()
print("watch", seen)

try:
    core.read_namespaced_pod("nobody", namespace)
except ApiException as error:
    print("missing", error.status, error.reason)

rule = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "DestinationRule",
    "metadata": {"name": "web"},
    "spec": {"host": "web"},
}
custom.create_namespaced_custom_object("networking.istio.io", "v1beta1", namespace, "destinationrules", rule)
found = custom.list_namespaced_custom_object("networking.istio.io", "v1", namespace, "destinationrules")
print("custom", [item["metadata"]["name"] for item in found["items"]])

labels = {"app": "web"}
container = client.V1Container(name="web", command=["sh", "-c", "echo it runs; exec sleep 1000"])
template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container]))
spec = client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels=labels), template=template)
apps.create_namespaced_deployment(namespace, client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec))
for _ in range(200):
    if apps.read_namespaced_deployment_status("web", namespace).status.ready_replicas == 1:
        break
    time.sleep(0.05)
pod = core.list_namespaced_pod(namespace, label_selector="app=web").items[0].metadata.name
print("logs", core.read_namespaced_pod_log(pod, namespace).strip())
command = ["sh", "-c", "echo inside; echo wrong >&2"]
print("exec", sorted(stream(core.connect_get_namespaced_pod_exec, pod, namespace, command=command, stderr=True, stdout=True).split()))

scale = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 0}})
print("scale", scale.spec.replicas)
apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
for _ in range(200):
    if not core.list_namespaced_pod(namespace, label_selector="app=web").items:
        break
    time.sleep(0.05)
print("left", len(core.list_namespaced_pod(namespace, label_selector="app=web").items))
