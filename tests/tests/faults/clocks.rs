//! What guests see of the time.

use pilotlight_tests::hosts::{get, host};

#[tokio::test(flavor = "multi_thread")]
async fn guests_see_tenths_of_milliseconds() {
    let host = host(|_| {}).await;
    assert_eq!(get(&host, "/clocks").await, (200, "0 0 0 0".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_may_see_nanoseconds() {
    let host = host(|options| options.instance.fine_clocks = true).await;
    let (status, fine) = get(&host, "/clocks").await;
    assert_eq!(status, 200);
    assert!(fine.split(' ').all(|count| count.parse::<u32>().unwrap() > 0), "{fine}");
}
