//! Resources of operators in `deploy/`: they have fields that their definitions have, and those that these require.
//! The tables list fields that the definitions have, as far as they are used here.

use std::collections::BTreeSet;
use std::fs;

use pilotlight_tests::{component, pilotlight, root};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// A resource, and the fields of its definition.
struct Resource {
    file: &'static str,
    api_version: &'static str,
    kind: &'static str,
    /// Parts that are of Kubernetes' own types, which its schemas check.
    checked_elsewhere: &'static [&'static str],
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const RESOURCES: [Resource; 7] = [
    Resource {
        file: "gateway/inferencepool.yaml",
        api_version: "inference.networking.k8s.io/v1",
        kind: "InferencePool",
        checked_elsewhere: &[],
        required: &[
            "selector.matchLabels.app",
            "targetPorts[].number",
            "endpointPickerRef.name",
            "endpointPickerRef.port.number",
        ],
        optional: &["endpointPickerRef.failureMode"],
    },
    Resource {
        file: "kserve/clusterservingruntime.yaml",
        api_version: "serving.kserve.io/v1alpha1",
        kind: "ClusterServingRuntime",
        checked_elsewhere: &["containers[].", "volumes[]."],
        required: &["supportedModelFormats[].name"],
        optional: &[
            "supportedModelFormats[].version",
            "supportedModelFormats[].autoSelect",
            "supportedModelFormats[].priority",
            "protocolVersions[]",
        ],
    },
    Resource {
        file: "kserve/inferenceservice.yaml",
        api_version: "serving.kserve.io/v1beta1",
        kind: "InferenceService",
        checked_elsewhere: &[],
        required: &["predictor.model.modelFormat.name"],
        optional: &[
            "predictor.model.runtime",
            "predictor.model.protocolVersion",
            "predictor.model.storageUri",
        ],
    },
    Resource {
        file: "kubernetes/components/keda/scaledobject.yaml",
        api_version: "keda.sh/v1alpha1",
        kind: "ScaledObject",
        checked_elsewhere: &[],
        required: &["scaleTargetRef.name", "triggers[].type", "triggers[].metadata.threshold"],
        optional: &[
            "minReplicaCount",
            "maxReplicaCount",
            "triggers[].metadata.serverAddress",
            "triggers[].metadata.query",
        ],
    },
    Resource {
        file: "kubernetes/components/servicemonitor/servicemonitor.yaml",
        api_version: "monitoring.coreos.com/v1",
        kind: "ServiceMonitor",
        checked_elsewhere: &[],
        required: &["selector.matchLabels.app", "endpoints[].port"],
        optional: &[
            "endpoints[].path",
            "endpoints[].scheme",
            "endpoints[].interval",
            "endpoints[].authorization.credentials.name",
            "endpoints[].authorization.credentials.key",
            "endpoints[].tlsConfig.serverName",
            "endpoints[].tlsConfig.ca.secret.name",
            "endpoints[].tlsConfig.ca.secret.key",
        ],
    },
    Resource {
        file: "spinkube/spinapp.yaml",
        api_version: "core.spinkube.dev/v1alpha1",
        kind: "SpinApp",
        checked_elsewhere: &[],
        required: &["executor", "image"],
        optional: &[
            "replicas",
            "checks.readiness.httpGet.path",
            "checks.readiness.initialDelaySeconds",
            "checks.readiness.periodSeconds",
            "checks.liveness.httpGet.path",
            "checks.liveness.periodSeconds",
            "checks.liveness.timeoutSeconds",
            "resources.requests.cpu",
            "resources.requests.memory",
            "resources.limits.memory",
        ],
    },
    Resource {
        file: "wasmcloud/workloaddeployment.yaml",
        api_version: "runtime.wasmcloud.dev/v1alpha1",
        kind: "WorkloadDeployment",
        checked_elsewhere: &[],
        required: &[
            "template.spec.components[].name",
            "template.spec.components[].image",
            "template.spec.hostInterfaces[].namespace",
            "template.spec.hostInterfaces[].package",
            "template.spec.hostInterfaces[].interfaces[]",
        ],
        optional: &[
            "replicas",
            "template.spec.hostSelector.hostgroup",
            "template.spec.hostInterfaces[].config.host",
            "template.spec.components[].poolSize",
            "template.spec.components[].maxInvocations",
        ],
    },
];

fn read(file: &str) -> Yaml {
    let text = fs::read_to_string(root().join("deploy").join(file)).unwrap();
    let mut documents = YamlLoader::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1, "{file}");
    documents.remove(0)
}

/// The fields of `value` that have no fields themselves.
fn fields(value: &Yaml, at: &str) -> BTreeSet<String> {
    match value {
        Yaml::Hash(map) => {
            let name = |key: &Yaml| match at {
                "" => key.as_str().unwrap().to_owned(),
                _ => format!("{at}.{}", key.as_str().unwrap()),
            };
            map.iter().flat_map(|(key, value)| fields(value, &name(key))).collect()
        }
        Yaml::Array(list) => {
            list.iter().flat_map(|value| fields(value, &format!("{at}[]"))).collect()
        }
        _ => BTreeSet::from([at.to_owned()]),
    }
}

#[test]
fn resources_have_the_fields_of_their_definitions() {
    for Resource { file, api_version, kind, checked_elsewhere, required, optional } in RESOURCES {
        let resource = read(file);
        assert_eq!(resource["apiVersion"].as_str(), Some(api_version), "{file}");
        assert_eq!(resource["kind"].as_str(), Some(kind), "{file}");
        assert!(resource["metadata"]["name"].as_str().is_some(), "{file}");
        let mut used = fields(&resource["spec"], "");
        used.retain(|field| !checked_elsewhere.iter().any(|part| field.starts_with(part)));
        for field in required {
            assert!(used.remove(*field), "{file}: {field} is missing");
        }
        used.retain(|field| !optional.contains(&&field[..]));
        assert_eq!(used, BTreeSet::new(), "{file}: fields that {kind} does not have");
    }
}

#[test]
fn images_have_the_version_of_the_program() {
    let images =
        [
            read("kserve/clusterservingruntime.yaml")["spec"]["containers"][0]["image"].clone(),
            read("spinkube/spinapp.yaml")["spec"]["image"].clone(),
            read("wasmcloud/workloaddeployment.yaml")["spec"]["template"]["spec"]["components"][0]
                ["image"]
                .clone(),
        ];
    for image in images {
        let image = image.as_str().unwrap();
        assert_eq!(image.rsplit(':').next(), Some(env!("CARGO_PKG_VERSION")), "{image}");
    }
}

#[test]
fn the_workload_asks_for_the_interface_that_components_export() {
    let deployment = read("wasmcloud/workloaddeployment.yaml");
    let spec = &deployment["spec"]["template"]["spec"];
    let interface = &spec["hostInterfaces"][0];
    let name = |key: &str| interface[key].as_str().unwrap();
    let name = format!(
        "{}:{}/{}@",
        name("namespace"),
        name("package"),
        interface["interfaces"][0].as_str().unwrap()
    );
    let component = component();
    let inspect = ["inspect", component.to_str().unwrap(), "--json"];
    let output = pilotlight(&inspect).output().unwrap();
    let inspection: Value = serde_json::from_slice(&output.stdout).unwrap();
    let exports = inspection["exports"].to_string();
    assert!(exports.contains(&format!("{name}0.3.")), "{name} is not in {exports}");
    // Instances are kept, but not for ever.
    for key in ["poolSize", "maxInvocations"] {
        assert!(spec["components"][0][key].as_i64().unwrap() > 0, "{key}");
    }
}

#[test]
fn the_probes_of_the_spin_application_are_answered() {
    let spec = read("spinkube/spinapp.yaml");
    let server = crate::answers::server();
    for probe in ["readiness", "liveness"] {
        let path = spec["spec"]["checks"][probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(server.get(path).status, 200, "{probe}");
    }
}
