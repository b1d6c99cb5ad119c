//! What a guest says of itself is checked before a component is built from it.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_build::{Cache, Error, Guest, Placement, Precision, snapshot};
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_model;

/// Where a guest of the tests has what it returns, and strings.
const RETURNED: u32 = 1024;
const STRINGS: u32 = 4096;

const TYPES: &str = r#"
    (type $p (enum "float32" "int8" "int4"))
    (export $precision "precision" (type $p))
    (type $o (record (field "name" string) (field "element" s32) (field "dims" (list (option u32)))))
    (export $port "port" (type $o))
    (type $g (record (field "name" string) (field "inputs" (list $port))
        (field "outputs" (list $port)) (field "pad-to-multiple-of" u32) (field "rows" u32)
        (field "length" (option u32)) (field "vocabulary" (option u32))
        (field "any-lengths" bool)))
    (export $graph "graph" (type $g))
    (type $l (variant (case "guest" $precision) (case "host" (list $graph))))
    (export $placement "placement" (type $l))
    (type $e (record (field "method" string) (field "path" string) (field "task" string)))
    (export $endpoint "endpoint" (type $e))
    (type $x (record (field "path" string) (field "texts" string) (field "answers" string)
        (field "index" (option string)) (field "sorted-by" (option string))
        (field "limits" (list string)) (field "sums" (list string))))
    (export $split "split" (type $x))
    (type $q (record (field "path" string) (field "period-ms" u32) (field "sockets" (list string))))
    (export $session "session" (type $q))
    (type $s (record (field "path" string) (field "request" string)))
    (export $sample "sample" (type $s))
    (type $m (enum "equal" "cosine" "order" "difference"))
    (export $measure "measure" (type $m))
    (type $a (record (field "path" string) (field "request" string) (field "values" string)
        (field "measure" $measure) (field "threshold" f64)))
    (export $agreement "agreement" (type $a))
    (type $d (record (field "info" string) (field "task" string)
        (field "endpoints" (list $endpoint)) (field "splits" (list $split))
        (field "sessions" (list $session)) (field "sample" $sample) (field "agreement" $agreement)))
    (export $description "description" (type $d))"#;

/// A guest that says this of itself, and does nothing else.
struct Told {
    info: &'static str,
    task: &'static str,
    endpoints: &'static [[&'static str; 3]],
    sample: [&'static str; 2],
    agreement: [&'static str; 3],
    measure: u8,
    threshold: f64,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            info: "{}",
            task: "fill-mask",
            endpoints: &[["POST", "/", "fill-mask"]],
            sample: ["/", "{}"],
            agreement: ["/", "{}", "/*/token"],
            measure: 0,
            threshold: 0.9,
        }
    }
}

/// The memory of a guest.
#[derive(Default)]
struct Memory {
    returned: Vec<u8>,
    strings: Vec<u8>,
}

impl Memory {
    fn put(&mut self, value: u32) {
        self.returned.extend(value.to_le_bytes());
    }

    fn store(&mut self, text: &str) -> [u32; 2] {
        let at = STRINGS + self.strings.len() as u32;
        self.strings.extend(text.bytes());
        [at, text.len() as u32]
    }

    fn put_string(&mut self, text: &str) {
        for word in self.store(text) {
            self.put(word);
        }
    }

    /// `result<description, string>`, laid out as the canonical ABI has it.
    fn of(told: &Told) -> Self {
        let mut memory = Self::default();
        for word in [0, 0] {
            memory.put(word);
        }
        for text in [told.info, told.task] {
            memory.put_string(text);
        }
        let endpoints = told.endpoints.as_flattened().iter();
        let words: Vec<[u32; 2]> = endpoints.map(|text| memory.store(text)).collect();
        memory.strings.resize(memory.strings.len().next_multiple_of(4), 0);
        let list = STRINGS + memory.strings.len() as u32;
        for word in words.as_flattened() {
            memory.strings.extend(word.to_le_bytes());
        }
        // Neither splits nor sessions.
        for word in [list, told.endpoints.len() as u32, 0, 0, 0, 0] {
            memory.put(word);
        }
        for text in told.sample {
            memory.put_string(text);
        }
        for text in told.agreement {
            memory.put_string(text);
        }
        for word in [u32::from(told.measure), 0] {
            memory.put(word);
        }
        memory.returned.extend(told.threshold.to_le_bytes());
        memory
    }

    fn refusing(reason: &str) -> Self {
        let mut memory = Self::default();
        for word in [1, 0] {
            memory.put(word);
        }
        memory.put_string(reason);
        memory
    }

    fn guest(&self) -> Guest {
        self.guest_that("")
    }

    /// A guest that does something before it returns.
    fn guest_that(&self, does: &str) -> Guest {
        let [returned, strings] = [&self.returned, &self.strings]
            .map(|bytes| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>());
        // A manifest, and a placement flattened to a case and two words.
        let parameters = "i32 ".repeat(5);
        let text = format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (global $free (mut i32) (i32.const 16384))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                        (local $at i32)
                        (local.set $at (global.get $free))
                        (global.set $free (i32.and (i32.const -8)
                            (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7))))
                        (local.get $at))
                    (func (export "initialize") (param {parameters}) (result i32)
                        {does} (i32.const {RETURNED}))
                    (data (i32.const {RETURNED}) "{returned}")
                    (data (i32.const {STRINGS}) "{strings}"))
                (core instance $i (instantiate $m))
                {TYPES}
                (func (export "initialize") (param "manifest" string)
                    (param "placement" $placement) (result (result $description (error string)))
                    (canon lift (core func $i "initialize") (memory (core memory $i "memory"))
                        (realloc (core func $i "realloc")))))"#
        );
        Guest::from(wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}")))
    }
}

/// Builds a component of a guest, which none of them lets happen; why.
fn refused(guest: &Guest) -> Error {
    let model = tiny_model::folder(&tiny_model::graph());
    let folder = ModelFolder::open(model.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let cache = Cache::open(Some(model.path().join("cache"))).unwrap();
    snapshot(guest, &folder, Placement::Guest(Precision::F32), &cache, &|_| {}).unwrap_err()
}

#[test]
fn a_description_that_cannot_be_used_is_refused_with_its_mistake() {
    let cases = [
        (Told { info: "{", ..Told::default() }, "info is not JSON"),
        (Told { task: "Fill mask", ..Told::default() }, "task \"Fill mask\""),
        (Told { endpoints: &[], ..Told::default() }, "the function has no endpoint"),
        (
            Told { endpoints: &[["POST", "no path", "a"]], ..Told::default() },
            "\"POST\" \"no path\" of task \"a\" is not an endpoint",
        ),
        (
            Told { sample: ["/v1/fill-mask", "{}"], ..Told::default() },
            "the sample is for POST /v1/fill-mask, which is not an endpoint",
        ),
        (Told { sample: ["/", "{\"inputs\""], ..Told::default() }, "the sample is not JSON"),
        (
            Told { agreement: ["/v1/x", "{}", ""], measure: 3, ..Told::default() },
            "the accuracy check is for POST /v1/x, which is not an endpoint",
        ),
        (
            Told { agreement: ["/", "{}", "token"], ..Told::default() },
            "\"token\" is not a path into an answer",
        ),
        (Told { threshold: 1.5, ..Told::default() }, "the threshold 1.5 of the accuracy check"),
    ];
    for (told, reason) in cases {
        let error = refused(&Memory::of(&told).guest());
        assert!(matches!(error, Error::Component { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("what `initialize` returned cannot be used"), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_guest_that_refuses_the_model_says_why() {
    let guest = Memory::refusing("model.onnx: operator Nonsense").guest();
    assert_eq!(refused(&guest).to_string(), "model.onnx: operator Nonsense");
}

#[test]
fn a_guest_that_is_stopped_is_told_in_one_sentence() {
    let told = Memory::of(&Told::default());
    for (does, reason) in [
        ("(unreachable)", "wasm trap: wasm `unreachable` instruction executed"),
        ("(drop (i32.load (i32.const -4)))", "wasm trap: out of bounds memory access"),
        // As an allocator does that gets no memory.
        ("(drop (memory.grow (i32.const 60000))) (unreachable)", "more than the 3 GiB of memory"),
    ] {
        let error = refused(&told.guest_that(does));
        assert!(matches!(error, Error::Initializer { .. }) && error.is_internal(), "{error}");
        let error = error.to_string();
        assert!(error.contains("the model could not be loaded in the sandbox: "), "{error}");
        assert!(error.contains(reason) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn a_guest_that_answers_no_requests_has_no_sample() {
    let error = refused(&Memory::of(&Told::default()).guest());
    assert!(error.to_string().contains("finding the handler of requests"), "{error}");
}

#[test]
fn a_guest_of_another_version_is_told_apart() {
    let text = r#"(component
        (core module $m (func (export "initialize") (result i32) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "initialize") (result u32) (canon lift (core func $i "initialize"))))"#;
    let error = refused(&Guest::from(wat::parse_str(text).unwrap())).to_string();
    assert!(error.contains("no function `initialize` as this version calls it"), "{error}");
}
