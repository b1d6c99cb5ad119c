//! What holds of any request.

use proptest::prelude::*;

use super::*;

fn json_of(bytes: &[u8], element: usize, number: impl Fn(&[u8]) -> Value) -> Value {
    bytes.chunks_exact(element).map(number).collect()
}

/// As it is written: the shortest digits that no other number of 32 bits has.
fn f32_of(bytes: &[u8]) -> Value {
    let value = f32::from_le_bytes(bytes.try_into().unwrap());
    serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap()
}

fn i64_of(bytes: &[u8]) -> Value {
    json!(i64::from_le_bytes(bytes.try_into().unwrap()))
}

proptest! {
    #[test]
    fn json_and_binary_are_computed_alike(
        x in proptest::collection::vec(-1e38f32..1e38, 6),
        n in proptest::collection::vec(i64::MIN / 2..i64::MAX / 2, 3),
        b in proptest::collection::vec(any::<bool>(), 3),
        h in proptest::collection::vec(any::<u8>(), 6),
    ) {
        let x: Vec<u8> = x.into_iter().flat_map(f32::to_le_bytes).collect();
        let n: Vec<u8> = n.into_iter().flat_map(i64::to_le_bytes).collect();
        let b: Vec<u8> = b.into_iter().map(u8::from).collect();
        let sent = |name: &str, datatype: &str, shape: &[usize], bytes: &[u8]| {
            json!({"name": name, "datatype": datatype, "shape": shape,
                "parameters": {"binary_data_size": bytes.len()}})
        };
        let halves = sent("h", "FP16", &[3], &h);
        let binary = json!({
            "inputs": [sent("x", "FP32", &[3, 2], &x), sent("n", "INT64", &[3], &n),
                sent("b", "BOOL", &[3], &b), halves],
            "parameters": {"binary_data_output": true},
        });
        let in_json = json!({
            "inputs": [
                input("x", "FP32", json!([3, 2]), json_of(&x, 4, f32_of)),
                input("n", "INT64", json!([3]), json_of(&n, 8, i64_of)),
                input("b", "BOOL", json!([3]), json_of(&b, 1, |byte| json!(byte[0] == 1))),
                halves,
            ],
            "outputs": [{"name": "y"}, {"name": "m"}, {"name": "c"},
                {"name": "g", "parameters": {"binary_data": true}}],
        });
        let (binary, in_json) = MIXED.with(|service| (
            outputs(&infer_binary(service, INFER, &binary, &[&x, &n, &b, &h])),
            outputs(&infer_binary(service, INFER, &in_json, &[&h])),
        ));
        prop_assert_eq!(&in_json[0].0["data"], &json_of(&binary[0].1, 4, f32_of));
        prop_assert_eq!(&in_json[1].0["data"], &json_of(&binary[1].1, 8, i64_of));
        let bools = json_of(&binary[2].1, 1, |byte| json!(byte[0] == 1));
        prop_assert_eq!(&in_json[2].0["data"], &bools);
        prop_assert_eq!(&in_json[3].1, &binary[3].1);
    }

    #[test]
    fn any_bytes_and_any_length_are_answered(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        at in 0usize..500,
        length in prop_oneof![Just(None), (0usize..600).prop_map(Some), any::<usize>().prop_map(Some)],
    ) {
        let mut body = [mixed_request().to_string().as_bytes(), &HALVES].concat();
        let at = at.min(body.len());
        body.splice(at..(at + bytes.len() / 2).min(body.len()), bytes.iter().copied());
        let length = length.map(|length| length.to_string());
        for (service, path) in [
            (&MIXED, INFER.to_owned()),
            (&NER, format!("/v2/models/{}/infer", name(&NER))),
        ] {
            for body in [&bytes, &body] {
                let reply = service.with(|service| infer(service, &path, length.as_deref(), body));
                prop_assert!([200, 400].contains(&reply.status));
            }
        }
    }

    #[test]
    fn any_strings_are_read_in_both_forms(texts in proptest::collection::vec("\\PC{0,12}", 1..4)) {
        let path = format!("/v2/models/{}/infer", name(&NER));
        let bytes: Vec<u8> = texts
            .iter()
            .flat_map(|text| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat())
            .collect();
        let binary = json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [texts.len()],
            "parameters": {"binary_data_size": bytes.len()}}]});
        let in_json = json!({"inputs": [input("text", "BYTES", json!([texts.len()]), json!(texts))]});
        let (one, two) = NER.with(|service| (
            infer_binary(service, &path, &binary, &[&bytes]).ok(),
            post(service, &path, &in_json).ok(),
        ));
        prop_assert_eq!(one, two);
    }
}
