//! Requests that are not answered, and what their errors say.

use super::*;

#[test]
fn other_models_and_versions_are_not_found() {
    for path in [
        "/v2/models/other",
        "/v2/models/stats",
        "/v2/models/other/ready",
        "/v2/models/other/config",
        "/v2/models/mixed/versions/2",
        "/v2/models/mixed/versions/v1/ready",
        "/v2/models/mixed/versions/01/config",
    ] {
        let (status, error) = refused(&MIXED.with(|service| get(service, path)));
        assert_eq!(status, 404, "{path}");
        assert!(error.starts_with("Request for unknown model: "), "{error}");
    }
    for path in ["/v2/models/other/infer", "/v2/models/mixed/versions/7/infer"] {
        let reply = MIXED.with(|service| infer(service, path, None, b"{}"));
        assert_eq!(refused(&reply).0, 404);
    }
    for path in ["/v2/no/such/thing", "/v2/models/mixed/other", "/v2/health"] {
        assert_eq!(refused(&MIXED.with(|service| get(service, path))).0, 404, "{path}");
    }
    let wrong_method = MIXED.with(|service| get(service, INFER));
    assert_eq!(refused(&wrong_method).0, 405);
}

#[test]
fn what_triton_has_and_a_component_has_not_is_refused() {
    for path in [
        "/v2/logging",
        "/v2/trace/setting",
        "/v2/models/mixed/trace/setting",
        "/v2/systemsharedmemory/status",
        "/v2/systemsharedmemory/region/a/register",
        "/v2/cudasharedmemory/region/a/unregister",
    ] {
        let (read, written) =
            MIXED.with(|service| (get(service, path), infer(service, path, None, b"{}")));
        for reply in [read, written] {
            let (status, error) = refused(&reply);
            assert!(status == 501 && error.contains("not supported"), "{path}: {error}");
        }
    }
}

#[test]
fn bad_requests_name_what_is_wrong() {
    let x = || input("x", "FP32", json!([1, 1]), json!([1]));
    let n = || input("n", "INT64", json!([1]), json!([1]));
    let b = || input("b", "BOOL", json!([1]), json!([true]));
    let with = |more: Value| json!({"inputs": [x(), n(), b(), more]});
    let h = |parameters: Value| json!({"name": "h", "datatype": "FP16", "shape": [1], "parameters": parameters});
    for (request, named) in [
        (json!({}), "inputs"),
        (json!({"inputs": {}}), "inputs"),
        (json!({"inputs": [1]}), "inputs"),
        (json!({"id": 1, "inputs": []}), "id"),
        (json!({"inputs": [{"shape": [1]}]}), "name"),
        (json!({"inputs": [{"name": 1}]}), "name"),
        (json!({"inputs": [{"name": "x", "shape": [-1]}]}), "shape"),
        (json!({"inputs": [{"name": "x"}]}), "x has no shape"),
        (json!({"inputs": [{"name": "x", "shape": [1]}]}), "x has no datatype"),
        (json!({"inputs": [x(), x()]}), "x is given twice"),
        (json!({"inputs": [x(), n(), b()]}), "h is missing"),
        (with(input("z", "FP32", json!([1]), json!([1]))), "z is not one of"),
        (with(input("h", "FP32", json!([1]), json!([1]))), "h is of FP32"),
        (with(input("h", "FP16", json!([1, 1]), json!([1]))), "h has shape [1, 1]"),
        (with(input("h", "FP16", json!([2]), json!([1]))), "h has 1 elements"),
        (with(input("h", "FP16", json!([1]), json!([65520]))), "not of FP16"),
        (with(input("h", "FP16", json!([1]), json!([null]))), "data"),
        (with(input("h", "FP16", json!([1]), json!(["a"]))), "not of FP16"),
        (with(h(json!({}))), "either data or binary_data_size"),
        (with(h(json!({"binary_data_size": 2}))), "0 bytes are left"),
        (with(h(json!({"binary_data_size": -2}))), "binary_data_size"),
        (with(h(json!({"shared_memory_region": "a"}))), "shared memory"),
        (json!({"inputs": [], "outputs": [{"name": "q"}]}), "output q is not one of"),
        (json!({"inputs": [], "outputs": [{"name": "y"}, {"name": "y"}]}), "y is given twice"),
        (
            json!({"inputs": [], "outputs": [{"name": "y", "parameters": {"binary_data": 1}}]}),
            "binary_data",
        ),
        (
            json!({"inputs": [], "outputs": [{"name": "y",
                "parameters": {"shared_memory_region": "a"}}]}),
            "shared memory",
        ),
        (json!({"inputs": [], "parameters": {"binary_data_output": 1}}), "binary_data_output"),
        (json!({"inputs": [], "parameters": {"triton_x": 1}}), "triton_x"),
        (json!({"inputs": [], "parameters": {"a": {}}}), "parameters.a"),
        (json!({"inputs": [], "parameters": {"sequence_id": 7}}), "sequence_id"),
        (json!({"inputs": [], "parameters": []}), "parameters"),
    ] {
        let reply = MIXED.with(|service| post(service, INFER, &request));
        let (status, error) = refused(&reply);
        assert_eq!(status, 400, "{request}");
        assert!(error.contains(named), "{request}: {error}");
    }
}

#[test]
fn numbers_that_are_not_of_their_type_are_refused() {
    for (name, datatype, value) in [
        ("n", "INT64", json!(1.5)),
        ("n", "INT64", json!(9223372036854775808u64)),
        ("x", "FP32", json!(1e300)),
        ("b", "BOOL", json!(-1)),
    ] {
        let shape = if name == "x" { json!([1, 1]) } else { json!([1]) };
        let mut request = mixed_request();
        for sent in request["inputs"].as_array_mut().unwrap() {
            if sent["name"] == name {
                *sent = input(name, datatype, shape.clone(), json!([value]));
            }
        }
        let reply = MIXED.with(|service| infer_binary(service, INFER, &request, &[&HALVES]));
        let (status, error) = refused(&reply);
        assert!(status == 400 && error.contains(&format!("input {name}")), "{error}");
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let request = mixed_request();
    let json = request.to_string();
    let whole = json.len() + HALVES.len();
    let body = [json.as_bytes(), &HALVES].concat();
    let longer = [&body[..], b"x"].concat();
    MIXED.with(|service| {
        let length = json.len().to_string();
        assert_eq!(infer(service, INFER, Some(&length), &body).status, 200);
        for (length, body, named) in [
            (&length[..], &longer[..], "1 bytes follow"),
            (&length, &body[..whole - 1], "but 3 bytes are left"),
            ("-1", &body, "length"),
            ("1e3", &body, "length"),
            ("99999", &body, "99999"),
            ("18446744073709551616", &body, "length"),
            ("10", &body, "JSON"),
        ] {
            let (status, error) = refused(&infer(service, INFER, Some(length), body));
            assert!(status == 400 && error.contains(named), "{length}: {error}");
        }
        let mut bad = mixed_request();
        bad["inputs"][3] = json!({"name": "b", "datatype": "BOOL", "shape": [2],
            "parameters": {"binary_data_size": 2}});
        let reply = infer_binary(service, INFER, &bad, &[&HALVES, &[2, 0]]);
        assert!(refused(&reply).1.contains("neither 0 nor 1"));
        bad["inputs"][3]["shape"] = json!([1]);
        let reply = infer_binary(service, INFER, &bad, &[&HALVES, &[1, 0]]);
        assert!(refused(&reply).1.contains("has 2 bytes"));
    });
}

#[test]
fn values_that_json_does_not_have_are_to_be_asked_for_in_binary() {
    let mut request = mixed_request();
    request["inputs"][1]["data"] = json!([[3e38, 1], [1, 1]]);
    let reply = MIXED.with(|service| infer_binary(service, INFER, &request, &[&HALVES]));
    let (status, error) = refused(&reply);
    assert!(
        status == 400 && error.contains("output y") && error.contains("binary_data"),
        "{error}"
    );
    request["outputs"] = json!([{"name": "y", "parameters": {"binary_data": true}}]);
    let reply = MIXED.with(|service| infer_binary(service, INFER, &request, &[&HALVES]));
    assert_eq!(outputs(&reply)[0].1[..4], f32::INFINITY.to_le_bytes());
}

#[test]
fn bad_texts_are_refused() {
    let path = format!("/v2/models/{}/infer", name(&EMBEDDER));
    let many = vec!["a"; 257];
    let binary = json!({"name": "text", "datatype": "BYTES", "shape": [1],
        "parameters": {"binary_data_size": 6}});
    EMBEDDER.with(|service| {
        for (input, named) in [
            (input("text", "FP32", json!([1]), json!([1])), "text is of FP32"),
            (input("text", "BYTES", json!([1]), json!([1])), "not a string"),
            (input("text", "BYTES", json!([1, 1]), json!(["a"])), "has shape [1, 1]"),
            (input("text", "BYTES", json!([2]), json!(["a"])), "1 elements"),
            (input("text", "BYTES", json!([0]), json!([])), "text is empty"),
            (input("text", "BYTES", json!([257]), json!(many)), "257"),
            (input("texts", "BYTES", json!([1]), json!(["a"])), "texts is not one of"),
        ] {
            let (status, error) = refused(&post(service, &path, &json!({"inputs": [input]})));
            assert!(status == 400 && error.contains(named), "{error}");
        }
        for (bytes, named) in [
            (b"\x02\0\0\0\xff\xff", "UTF-8"),
            (b"\x03\0\0\0ab", "ends within"),
            (b"\x01\0\0\0ab", "ends within"),
            (b"\0\0\0\0ab", "ends within"),
        ] {
            let request = json!({"inputs": [binary]});
            let (status, error) = refused(&infer_binary(service, &path, &request, &[bytes]));
            assert!(status == 400 && error.contains(named), "{error}");
        }
        assert_eq!(post(service, &path, &json!({"inputs": []})).status, 400);
    });
}
