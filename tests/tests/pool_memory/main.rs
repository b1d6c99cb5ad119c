//! Memory of a whole process, which other tests in it would disturb.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;

use futures::future::join_all;
use pilotlight_tests::hosts::{get, host, until};

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_requests_leave_memory_and_counts_as_they_were() {
    let resident = || {
        let status = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let line = status.lines().find(|line| line.starts_with("Pss_Anon:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let host = host(|options| options.pool.min_ready = 2).await;
    let round = async || {
        for _ in 0..250 {
            let paths = ["/count", "/count", "/trap", "/count"];
            join_all(paths.map(|path| get(&host, path))).await;
        }
        until(&host, "at rest", |status| status.live == status.ready).await
    };
    round().await;
    let before = resident();
    for _ in 0..3 {
        let status = round().await;
        assert_eq!(status.created - status.ended, status.live as u64);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more after 3,000 requests");
}
