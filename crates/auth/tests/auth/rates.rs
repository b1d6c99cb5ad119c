use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::HeaderMap;
use pilotlight_auth::{ApiKey, ApiKeys, Authenticator, Policy, Principal, Rate, Rejection};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{bearer, guard_of, timestamp};

fn open(rate: f64, burst: u32) -> Authenticator {
    Authenticator::new(policy(rate, burst))
}

fn policy(rate: f64, burst: u32) -> Policy {
    Policy { rate: Some(Rate::new(rate, Some(burst)).unwrap()), ..Policy::default() }
}

fn ask(
    authenticator: &Authenticator,
    client: &str,
    milliseconds: u64,
) -> Result<Principal, Rejection> {
    let timestamp = timestamp(Duration::from_millis(milliseconds));
    authenticator.check(&HeaderMap::new(), Some(client.parse().unwrap()), timestamp)
}

#[test]
fn without_keys_and_rates_everybody_may_ask() {
    let authenticator = Authenticator::new(Policy::default());
    for _ in 0..10_000 {
        assert!(ask(&authenticator, "203.0.113.7", 0).is_ok());
    }
    let headers = bearer("whatever");
    let nobody = authenticator.check(&headers, None, timestamp(Duration::ZERO));
    assert_eq!(nobody, Ok(Principal::Anonymous(None)));
}

#[test]
fn a_burst_is_answered_and_then_the_rate_holds() {
    let authenticator = open(10.0, 3);
    for _ in 0..3 {
        assert!(ask(&authenticator, "203.0.113.7", 0).is_ok());
    }
    let rejection = ask(&authenticator, "203.0.113.7", 0).unwrap_err();
    assert_eq!(rejection.status(), 429);
    let (name, value) = rejection.header();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("retry-after", "1"));
    assert_eq!(rejection.reason(), "203.0.113.7 exceeds its rate limit");
    assert!(!rejection.message().contains("203"));
    assert!(ask(&authenticator, "203.0.113.7", 99).is_err());
    assert!(ask(&authenticator, "203.0.113.7", 100).is_ok());
    assert!(ask(&authenticator, "203.0.113.7", 100).is_err());
    // A pause is worth a burst, however long it is.
    for _ in 0..3 {
        assert!(ask(&authenticator, "203.0.113.7", 1_000_000).is_ok());
    }
    assert!(ask(&authenticator, "203.0.113.7", 1_000_000).is_err());
}

#[test]
fn who_waits_for_the_seconds_that_he_is_told_is_answered() {
    let authenticator = open(0.4, 1);
    assert!(ask(&authenticator, "203.0.113.7", 0).is_ok());
    for (now, seconds) in [(0, "3"), (400, "3"), (500, "2"), (501, "2"), (2499, "1")] {
        let rejection = ask(&authenticator, "203.0.113.7", now).unwrap_err();
        assert_eq!(rejection.header().1, seconds, "{now}");
    }
    assert!(ask(&authenticator, "203.0.113.7", 2500).is_ok());
}

#[test]
fn without_a_burst_a_seconds_requests_may_come_at_once() {
    for (rate, burst) in [(100.0, 100), (2.5, 3), (0.01, 1)] {
        let rate = Some(Rate::new(rate, None).unwrap());
        let authenticator = Authenticator::new(Policy { rate, ..Policy::default() });
        let admitted = (0..200).filter(|_| ask(&authenticator, "203.0.113.7", 0).is_ok()).count();
        assert_eq!(admitted, burst);
    }
}

#[test]
fn one_client_does_not_use_up_what_another_has() {
    let authenticator = open(1.0, 1);
    for client in ["203.0.113.7", "203.0.113.8", "2001:db8::1", "2001:db8:0:1::1"] {
        assert!(ask(&authenticator, client, 0).is_ok(), "{client}");
        assert!(ask(&authenticator, client, 0).is_err(), "{client}");
    }
}

#[test]
fn addresses_that_one_client_can_have_are_one_client() {
    let authenticator = open(1.0, 1);
    assert_eq!(ask(&authenticator, "2001:db8::1", 0).unwrap().to_string(), "2001:db8::/64");
    assert!(ask(&authenticator, "2001:db8::ffff:ffff:ffff:ffff", 0).is_err());
    assert_eq!(ask(&authenticator, "203.0.113.7", 0).unwrap().to_string(), "203.0.113.7");
    assert!(ask(&authenticator, "::ffff:203.0.113.7", 0).is_err());
}

#[test]
fn a_key_may_have_a_rate_of_its_own() {
    let key = ApiKey::generate("a").unwrap();
    let own = guard_of(&key, "rate = 1\nburst = 2");
    let other = ApiKey::generate("b").unwrap();
    let keys = format!("{}rate = 1\nburst = 2\n{}", key.entry(), other.entry());
    let both =
        Authenticator::new(Policy { keys: Some(ApiKeys::parse(&keys).unwrap()), ..policy(1.0, 5) });
    for (authenticator, key, burst) in [(&own, &key, 2), (&both, &key, 2), (&both, &other, 5)] {
        let headers = bearer(key.expose());
        let ask = || authenticator.check(&headers, None, timestamp(Duration::ZERO));
        assert_eq!((0..9).filter(|_| ask().is_ok()).count(), burst);
    }
}

#[test]
fn a_refused_credential_takes_nothing_from_whom_it_names() {
    let key = ApiKey::generate("a").unwrap();
    let authenticator = guard_of(&key, "rate = 1\nburst = 1");
    let forged = ApiKey::generate("a").unwrap();
    let ask =
        |key: &ApiKey| authenticator.check(&bearer(key.expose()), None, timestamp(Duration::ZERO));
    for _ in 0..10 {
        assert!(matches!(ask(&forged), Err(Rejection::Invalid(_))));
    }
    assert!(ask(&key).is_ok());
}

#[test]
fn a_renewed_guard_remembers_what_callers_have_left() {
    let authenticator = open(1.0, 2);
    assert!(ask(&authenticator, "203.0.113.7", 0).is_ok());
    let renewed = authenticator.renewed(policy(1.0, 2));
    assert!(ask(&renewed, "203.0.113.7", 0).is_ok());
    // Requests that the old one still answers count for the new one, and the other way round.
    assert!(ask(&authenticator, "203.0.113.7", 0).is_err());
    assert!(ask(&authenticator, "203.0.113.7", 1000).is_ok());
    assert!(ask(&renewed, "203.0.113.7", 1000).is_err());
    // Also past a time without limits.
    let again = renewed.renewed(Policy::default()).renewed(policy(1.0, 2));
    assert!(ask(&again, "203.0.113.7", 1000).is_err());
}

#[test]
fn a_changed_name_does_not_fill_a_bucket() {
    let key = ApiKey::generate("a").unwrap();
    let authenticator = guard_of(&key, "rate = 1\nburst = 1\nname = \"Ada\"");
    let headers = bearer(key.expose());
    assert!(authenticator.check(&headers, None, timestamp(Duration::ZERO)).is_ok());
    let keys = format!("{}rate = 1\nburst = 1\nname = \"Ada Lovelace\"", key.entry());
    let keys = Some(ApiKeys::parse(&keys).unwrap());
    let renewed = authenticator.renewed(Policy { keys, ..Policy::default() });
    assert!(renewed.check(&headers, None, timestamp(Duration::ZERO)).is_err());
}

#[test]
fn any_number_of_clients_is_answered_from_the_same_memory() {
    let authenticator = open(0.001, 1);
    let mut admitted = 0;
    for client in 0..250_000_u32 {
        let client = IpAddr::V4(Ipv4Addr::from_bits(client));
        let ask =
            || authenticator.check(&HeaderMap::new(), Some(client), timestamp(Duration::ZERO));
        let mine = (0..2).filter(|_| ask().is_ok()).count();
        assert!(mine <= 1);
        admitted += mine;
    }
    // 65,536 buckets and the 4,096 that are shared, a request in each.
    assert_eq!(admitted, 65_536 + 4096);
    // Time fills them, and there is room for others.
    let later = timestamp(Duration::from_secs(3_000_000));
    let client = Some(IpAddr::V4(Ipv4Addr::BROADCAST));
    assert!(authenticator.check(&HeaderMap::new(), client, later).is_ok());
    assert!(authenticator.check(&HeaderMap::new(), client, later).is_err());
}

#[test]
fn threads_together_get_no_more_than_the_burst() {
    let authenticator = open(0.001, 100);
    let admitted: usize = std::thread::scope(|scope| {
        let count = || (0..100).filter(|_| ask(&authenticator, "203.0.113.7", 0).is_ok()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 100);
}

#[test]
fn rates_that_cannot_be_are_refused() {
    for rate in [0.0, -1.0, 0.0009, 1_000_001.0, f64::NAN, f64::INFINITY, f64::MAX] {
        assert_eq!(Rate::new(rate, Some(1)).unwrap_err().key, "rate");
    }
    for burst in [0, 1_000_001, u32::MAX] {
        assert_eq!(Rate::new(1.0, Some(burst)).unwrap_err().key, "burst");
    }
    assert!(Rate::new(0.001, Some(1_000_000)).is_ok() && Rate::new(1e6, None).is_ok());
}

proptest! {
    #[test]
    fn never_more_than_burst_and_rate_in_any_window(
        rate in 0.001..1e6_f64,
        burst in 1..20_u32,
        // In intervals of the rate, so that some of the pauses matter.
        pauses in vec(0.0..3.0_f64, 1..200),
    ) {
        let authenticator = open(rate, burst);
        let client = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let mut now = Duration::ZERO;
        let mut admitted = Vec::new();
        for pause in pauses {
            now += Duration::from_secs_f64(pause / rate);
            if authenticator.check(&HeaderMap::new(), client, timestamp(now)).is_ok() {
                admitted.push(now);
            }
        }
        prop_assert!(!admitted.is_empty());
        for (first, start) in admitted.iter().enumerate() {
            for (last, end) in admitted.iter().enumerate().skip(first) {
                let most = f64::from(burst) + rate * (*end - *start).as_secs_f64();
                prop_assert!((last - first + 1) as f64 <= most + 1e-6);
            }
        }
    }

    #[test]
    fn who_keeps_to_the_rate_is_never_refused(
        rate in 0.001..1e5_f64,
        burst in 1..20_u32,
        waits in vec(1.0..3.0_f64, 1..100),
    ) {
        let authenticator = open(rate, burst);
        let client = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let mut now = Duration::ZERO;
        for wait in waits {
            // The interval is in whole nanoseconds.
            now += Duration::from_secs_f64(wait / rate) + Duration::from_nanos(1);
            prop_assert!(authenticator.check(&HeaderMap::new(), client, timestamp(now)).is_ok());
        }
    }
}
