//! Components that do one thing, for what Rust's guests cannot do.

use std::fs;
use std::path::{Path, PathBuf};

use pilotlight::{FailureKind, Host};
use pilotlight_tests::hosts::{get, load, options};

use super::{failures, version};

const HANDLER: &str = include_str!("../../../host/tests/handler.wat");

/// A component whose module has `fields`, and whose handler is `body`.
fn component(folder: &Path, fields: &str, body: &str) -> PathBuf {
    let text = HANDLER.replace("(core module $module", &format!("(core module $module {fields}"));
    let file = folder.join("component.wasm");
    fs::write(&file, wat::parse_str(text.replace("BODY", body)).unwrap()).unwrap();
    file
}

async fn host(fields: &str, body: &str, limit: usize) -> Host {
    let folder = tempfile::tempdir().unwrap();
    let file = component(folder.path(), fields, body);
    load(
        file,
        options(|options| (options.pool.min_ready, options.instance.memory_limit) = (0, limit)),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_memories_of_an_instance_share_its_limit() {
    let two = "(memory $a 16) (memory $b 16)";
    // Each may have its 2 MiB, and both together may not.
    let grow = "(if (i32.eq (memory.grow $a (i32.const 16)) (i32.const -1)) (then unreachable))
        (if (i32.eq (memory.grow $b (i32.const 16)) (i32.const -1)) (then unreachable))";
    for (limit, kind) in [(3 << 20, FailureKind::OutOfMemory), (4 << 20, FailureKind::NoResponse)] {
        let host = host(two, grow, limit).await;
        assert_eq!(get(&host, "/").await.0, 500);
        assert_eq!(failures(&host, kind), 1, "{limit}: {:?}", version(&host).failures);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_count_before_they_grow() {
    let host = host("(memory 16) (memory 16)", "", (2 << 20) - 1).await;
    assert_eq!(get(&host, "/").await.0, 500);
    assert_eq!(version(&host).pool.created, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_overflows_is_known_as_such() {
    let host = host("(func $deeper (call $deeper))", "(call $deeper)", 1 << 20).await;
    assert_eq!(get(&host, "/").await.0, 500);
    assert_eq!(failures(&host, FailureKind::StackOverflow), 1, "{:?}", version(&host).failures);
    assert_eq!(super::counted(&host, "stack_overflow"), 1);
}
