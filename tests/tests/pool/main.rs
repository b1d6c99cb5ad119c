//! The ready pool, through the library: what it promises when requests come in bursts, guests
//! fail and hosts come and go.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod sharing;

use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use pilotlight::PoolStatus;
use pilotlight_tests::hosts::{PATIENCE, get, host, load, options, pool, until};
use tower::Service as _;

/// Never instantiated: its start function traps.
const TRAPS_AT_START: &str = include_str!("traps_at_start.wat");

fn at_rest(status: &PoolStatus) -> bool {
    status.ready == status.target && status.live == status.ready && status.waiting == 0
}

fn pool_workers() -> usize {
    let names = fs::read_dir("/proc/self/task").unwrap();
    let names = names.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("pool-worker-")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_ready_before_the_first_request() {
    let host = host(|options| options.pool.min_ready = 3).await;
    let status = until(&host, "full", at_rest).await;
    assert_eq!((status.ready, status.acquired_inline), (3, 0));
    assert_eq!(get(&host, "/count").await, (200, "1".into()));
    assert_eq!(pool(&host).acquired_ready, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_on_an_idle_server_is_answered_whole() {
    let host = host(|options| options.pool.min_ready = 2).await;
    until(&host, "full", at_rest).await;
    let answers = join_all((0..200).map(|_| get(&host, "/count"))).await;
    assert!(answers.iter().all(|answer| *answer == (200, "1".into())), "{answers:?}");
    let status = until(&host, "at rest", at_rest).await;
    assert_eq!(status.acquired_ready + status.acquired_inline + status.acquired_waited, 200);
    assert!(status.acquired_inline > 0, "nobody waited for the pool to be filled: {status:?}");
    assert_eq!(status.failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_instances_live_than_may() {
    let host = host(|options| (options.pool.min_ready, options.pool.max_instances) = (1, 2)).await;
    let watch = tokio::spawn({
        let host = host.clone();
        async move {
            let mut most = 0;
            while pool(&host).acquired_ready
                + pool(&host).acquired_inline
                + pool(&host).acquired_waited
                < 50
            {
                most = most.max(pool(&host).live);
                tokio::task::yield_now().await;
            }
            most
        }
    });
    let answers = join_all((0..50).map(|_| get(&host, "/count"))).await;
    assert!(answers.iter().all(|answer| *answer == (200, "1".into())), "{answers:?}");
    assert!(watch.await.unwrap() <= 2);
    assert!(until(&host, "at rest", at_rest).await.acquired_waited > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_grows_with_bursts_and_shrinks_when_idle() {
    let host = host(|options| {
        (options.pool.min_ready, options.pool.idle_shrink) = (1, Duration::from_millis(50));
    })
    .await;
    let mut most = 0;
    for _ in 0..20 {
        until(&host, "full", |status| status.ready >= status.target).await;
        join_all((0..16).map(|_| get(&host, "/count"))).await;
        most = most.max(pool(&host).target);
    }
    assert!(most > 1, "never grew: {:?}", pool(&host));
    until(&host, "small again", |status| status.target == 1 && at_rest(status)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_traps_while_it_is_made_fails_its_requests_and_leaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traps.wasm");
    fs::write(&file, wat::parse_str(TRAPS_AT_START).unwrap()).unwrap();
    let options = options(|options| {
        (options.pool.min_ready, options.pool.max_instances) = (2, 3);
        // A function that only fails is slowed down.
        options.queue_deadline = PATIENCE;
    });
    let host = load(file, options).await;
    let answers = join_all((0..30).map(|_| get(&host, "/"))).await;
    assert!(answers.iter().all(|(status, _)| *status == 500), "{answers:?}");
    let idle = |status: &PoolStatus| status.live == 0 && status.waiting == 0;
    let status = until(&host, "idle", idle).await;
    assert_eq!((status.ready, status.created), (0, 0));
    assert!(status.failed >= 30, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_trap_at_work_are_replaced() {
    let host = host(|options| (options.pool.min_ready, options.pool.max_instances) = (2, 4)).await;
    for _ in 0..5 {
        let answers = join_all((0..8).map(|_| get(&host, "/trap"))).await;
        assert!(answers.iter().all(|(status, _)| *status == 500), "{answers:?}");
        assert_eq!(get(&host, "/count").await, (200, "1".into()));
    }
    let status = until(&host, "at rest", at_rest).await;
    assert_eq!(status.created - status.ended, status.live as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_leave_no_instance_behind() {
    let host = host(|options| (options.pool.min_ready, options.pool.max_instances) = (1, 4)).await;
    for _ in 0..20 {
        let spinning = get(&host, "/spin");
        let gone = tokio::time::timeout(Duration::from_millis(5), spinning).await;
        assert!(gone.is_err(), "it spins");
    }
    until(&host, "at rest", at_rest).await;
    assert_eq!(get(&host, "/count").await, (200, "1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_end_while_they_fill_leave_no_thread_and_cut_off_no_request() {
    let before = pool_workers();
    for round in 0..10 {
        let host =
            host(|options| (options.pool.min_ready, options.pool.max_instances) = (64, 64)).await;
        if round % 2 == 0 {
            // The last handle goes with the request that holds it.
            let request = Request::get("http://localhost/count");
            let call = host.clone().call(request.body(Full::<Bytes>::default()).unwrap());
            drop(host);
            let body = call.await.unwrap().into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), "1");
        }
    }
    let start = Instant::now();
    // Other tests' pools may come and go meanwhile.
    while pool_workers() > before {
        assert!(start.elapsed() < PATIENCE, "{} pool_workers are left", pool_workers());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_answers_as_many_requests_as_it_may() {
    let host = host(|options| {
        (options.pool.min_ready, options.pool.max_instances) = (1, 1);
        options.pool.requests_per_instance = 3;
    })
    .await;
    let mut counts = Vec::new();
    for _ in 0..7 {
        until(&host, "ready", |status| status.ready == 1).await;
        counts.push(get(&host, "/count").await.1);
    }
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"]);
    let host = self::host(|options| {
        (options.pool.min_ready, options.pool.max_instances) = (1, 1);
        options.pool.requests_per_instance = 0;
    })
    .await;
    for count in 1..50 {
        until(&host, "ready", |status| status.ready == 1).await;
        assert_eq!(get(&host, "/count").await.1, count.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_instance_finds_a_byte_of_another_in_its_memory() {
    let host = host(|options| (options.pool.min_ready, options.pool.max_instances) = (1, 3)).await;
    for _ in 0..10 {
        let marked = join_all((0..3).map(|_| get(&host, "/mark"))).await;
        assert!(marked.iter().all(|answer| answer.1 == "marked"), "{marked:?}");
        let found = join_all((0..6).map(|_| get(&host, "/find"))).await;
        assert!(found.iter().all(|answer| *answer == (200, "0".into())), "{found:?}");
    }
    // Where an instance is used again by permission, the same search does find them.
    let host = self::host(|options| {
        (options.pool.min_ready, options.pool.max_instances) = (1, 1);
        options.pool.requests_per_instance = 2;
    });
    let host = host.await;
    get(&host, "/mark").await;
    assert!(get(&host, "/find").await.1.parse::<usize>().unwrap() > 1 << 22);
}
