//! Graphs with inputs and outputs of types that `wasi:nn` lacks, computed in the sandbox and on the host.

use pilotlight_onnx::encode;
use pilotlight_testing::graphs::{BOOL, model, node, port};
use pilotlight_tests::Server;
use serde_json::{Value, json};

use crate::host_compute::backends;

const I8: i32 = 3;
const I16: i32 = 5;

fn tensor(name: &str, datatype: &str, data: Value) -> Value {
    json!({"name": name, "shape": [3], "datatype": datatype, "data": data})
}

#[test]
fn bool_int8_and_int16_are_read_and_given_in_the_sandbox_and_on_the_host() {
    let inputs = ["x", "w", "v"].into_iter().zip([BOOL, I8, I16]);
    let outputs = ["y", "z", "u"].into_iter().zip([BOOL, I8, I16]);
    let ports = |ports: Vec<(&str, i32)>| -> Vec<_> {
        ports.into_iter().map(|(name, kind)| port(name, kind, &["n"])).collect()
    };
    let graph = model(
        ports(inputs.collect()),
        vec![
            node("Not", &["x"], &["y"]),
            node("Neg", &["w"], &["z"]),
            node("Identity", &["v"], &["u"]),
        ],
        ports(outputs.collect()),
    );
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("types");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("model.onnx"), encode(&graph)).unwrap();
    let path = folder.to_str().unwrap();
    let mut places = vec![vec!["--compute", "guest"]];
    places.extend(backends().into_iter().map(|it| vec!["--compute", "host", "--backend", it]));
    let request = json!({"inputs": [
        tensor("x", "BOOL", json!([true, false, true])),
        tensor("w", "INT8", json!([-127, 0, 127])),
        tensor("v", "INT16", json!([-32_768, 1, 32_767])),
    ]});
    let expected = json!([
        tensor("y", "BOOL", json!([false, true, false])),
        tensor("z", "INT8", json!([127, 0, -127])),
        tensor("u", "INT16", json!([-32_768, 1, 32_767])),
    ]);
    for place in places {
        let server = Server::start(&[&[path, "--task", "tensors"][..], &place[..]].concat());
        let answer = server.post("/v1/tensors", request.to_string());
        assert_eq!(answer.status, 200, "{place:?}: {}", answer.text);
        assert_eq!(answer.json()["outputs"], expected, "{place:?}");
        let metadata = server.get("/v2/models/types").json();
        for (ports, names) in [("inputs", ["x", "w", "v"]), ("outputs", ["y", "z", "u"])] {
            for (index, datatype) in ["BOOL", "INT8", "INT16"].into_iter().enumerate() {
                let told = &metadata[ports][index];
                let found = [&told["name"], &told["datatype"]];
                assert_eq!(found, [names[index], datatype], "{place:?}: {metadata}");
            }
        }
    }
}
