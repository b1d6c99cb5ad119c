//! W3C Trace Context, level 2.

use std::collections::HashSet;

use http::{HeaderMap, HeaderValue};
use pilotlight_telemetry::{RequestTrace, Sampler, SpanId, TraceId, TraceParent, TraceState};
use proptest::prelude::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn begin(all: &[(&'static str, &str)]) -> RequestTrace {
    RequestTrace::begin(&headers(all), Sampler::NEVER)
}

#[test]
fn a_trace_goes_on_in_a_span_of_our_own() {
    let trace = begin(&[("traceparent", PARENT), ("tracestate", "congo=t61rcWkgMzE")]);
    assert_eq!(trace.own.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(trace.parent.unwrap().to_string(), "b7ad6b7169203331");
    assert_ne!(Some(trace.own.span), trace.parent);
    assert!(trace.own.sampled, "whoever asks decides");
    assert_eq!(trace.state.as_str(), "congo=t61rcWkgMzE");
}

#[test]
fn what_is_not_valid_begins_a_new_trace_and_takes_its_state_along() {
    let invalid = [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
    ];
    for parent in invalid {
        let trace = begin(&[("traceparent", parent), ("tracestate", "a=1")]);
        assert_eq!(trace.parent, None, "{parent}");
        assert_ne!(trace.own.trace.to_string(), &PARENT[3..35], "{parent}");
        assert_eq!(trace.state.as_str(), "", "{parent}");
    }
}

#[test]
fn two_parents_are_none() {
    assert_eq!(begin(&[("traceparent", PARENT), ("traceparent", PARENT)]).parent, None);
}

#[test]
fn later_versions_are_read_as_far_as_they_are_known() {
    for version in ["01", "cc", "fe"] {
        for more in ["", "-", "-what the future brings"] {
            let value = format!("{version}{}{more}", &PARENT[2..]);
            let trace = begin(&[("traceparent", &value)]);
            assert_eq!(trace.parent.unwrap().to_string(), "b7ad6b7169203331", "{value}");
            assert!(trace.own.to_string().starts_with("00-"), "{value}");
        }
    }
}

#[test]
fn known_flags_are_kept_and_others_dropped() {
    for (given, sent) in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03")] {
        let trace = begin(&[("traceparent", &format!("{}{given}", &PARENT[..53]))]);
        assert!(trace.own.to_string().ends_with(&format!("-{sent}")), "{given}");
    }
}

#[test]
fn a_trace_that_begins_here_says_that_its_name_is_random() {
    let trace = begin(&[]);
    assert!(trace.own.random);
    assert!(trace.own.to_string().ends_with("-02"));
}

#[test]
fn what_is_asked_on_behalf_of_a_request_carries_its_trace() {
    let trace = begin(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    let mut onward = headers(&[("traceparent", "old"), ("tracestate", "old=1")]);
    trace.inject(&mut onward);
    let span = trace.own.span;
    let expected = format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01");
    assert_eq!(onward.get_all("traceparent").iter().collect::<Vec<_>>(), [&expected[..]]);
    assert_eq!(onward.get_all("tracestate").iter().collect::<Vec<_>>(), ["a=1,b=2"]);
    begin(&[]).inject(&mut onward);
    assert_eq!(onward.get("tracestate"), None, "there is nothing to pass on");
}

#[test]
fn a_state_that_is_not_valid_is_dropped_and_the_trace_goes_on() {
    let many = (0..33).map(|number| format!("k{number}=v")).collect::<Vec<_>>().join(",");
    let long_key = format!("{}=v", "k".repeat(257));
    let long_value = format!("k={}", "v".repeat(257));
    let invalid = [
        "a",
        "=1",
        "a=",
        "A=1",
        "a=1=2",
        "a b=1",
        "_a=1",
        "a=1,a=2",
        "a=ü",
        &many,
        &long_key,
        &long_value,
    ];
    for state in invalid {
        let trace = begin(&[("traceparent", PARENT), ("tracestate", state)]);
        assert_eq!(trace.state.as_str(), "", "{state}");
        assert!(trace.parent.is_some(), "{state}");
    }
}

#[test]
fn members_of_a_state_may_be_empty_and_have_spaces_around_them() {
    let trace = begin(&[("traceparent", PARENT), ("tracestate", "a=1, ,\tb=2 ,,1@c= 3 4 ")]);
    assert_eq!(trace.state.as_str(), "a=1,b=2,1@c= 3 4");
}

#[test]
fn a_long_state_loses_its_long_members_first_and_then_its_last() {
    let member = |key: &str, length: usize| format!("{key}={}", "v".repeat(length - key.len() - 1));
    let long = [member("a", 100), member("b", 200), member("c", 100), member("d", 200)].join(",");
    let trace = begin(&[("traceparent", PARENT), ("tracestate", &long)]);
    let kept: Vec<_> = trace.state.as_str().split(',').map(|member| &member[..1]).collect();
    assert_eq!(kept, ["a", "b", "c"]);
    let short = ["a", "b", "c", "d", "e", "f"].map(|key| member(key, 100)).join(",");
    let trace = begin(&[("traceparent", PARENT), ("tracestate", &short)]);
    let kept: Vec<_> = trace.state.as_str().split(',').map(|member| &member[..1]).collect();
    assert_eq!(kept, ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_share_of_the_traces_that_begin_here_is_recorded() {
    let recorded = |ratio: f64| {
        let sampler = Sampler::new(ratio).unwrap();
        let all = (0..4000).map(|_| RequestTrace::begin(&HeaderMap::new(), sampler));
        all.filter(|trace| trace.own.sampled).count()
    };
    assert_eq!(recorded(0.0), 0);
    assert_eq!(recorded(1.0), 4000);
    // Six standard deviations of 4000 draws at one in four.
    assert!((836..=1164).contains(&recorded(0.25)));
}

#[test]
fn the_last_seven_bytes_of_its_name_say_whether_a_trace_is_recorded() {
    let sampler = Sampler::new(0.5).unwrap();
    for _ in 0..100 {
        let own = RequestTrace::begin(&HeaderMap::new(), sampler).own;
        let randomness = u64::from_str_radix(&own.trace.to_string()[18..], 16).unwrap();
        assert_eq!(own.sampled, randomness >= 1 << 55, "{own}");
    }
}

#[test]
fn shares_that_are_none_are_refused() {
    for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let refused = Sampler::new(ratio).unwrap_err().to_string();
        assert!(refused.contains("from 0 to 1"), "{refused}");
    }
}

#[test]
fn names_are_not_drawn_twice_in_any_thread() {
    let draw = || (0..1000).map(|_| SpanId::draw()).collect::<Vec<_>>();
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
    let all = threads.into_iter().flat_map(|thread| thread.join().unwrap());
    assert_eq!(all.collect::<HashSet<_>>().len(), 4000);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        trace in any::<[u8; 16]>(),
        span in any::<[u8; 8]>(),
        flags in 0_u8..4,
    ) {
        let (Some(trace), Some(span)) = (TraceId::new(trace), SpanId::new(span)) else {
            return Ok(());
        };
        let (sampled, random) = (flags & 1 != 0, flags & 2 != 0);
        let parent = TraceParent { trace, span, sampled, random };
        prop_assert_eq!(TraceParent::parse(parent.to_string().as_bytes()), Some(parent));
    }

    #[test]
    fn any_bytes_are_a_parent_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(parent) = TraceParent::parse(&bytes) {
            let written = parent.to_string();
            prop_assert_eq!(&bytes[2..52], &written.as_bytes()[2..52]);
        }
    }

    #[test]
    fn one_changed_character_is_not_another_trace(at in 0_usize..55, to in "\\PC") {
        let mut value: Vec<u8> = PARENT.into();
        value.splice(at..=at, to.bytes());
        if let Some(parent) = TraceParent::parse(&value) {
            let written = parent.to_string();
            prop_assert_eq!(&value[2..52], &written.as_bytes()[2..52]);
        }
    }

    #[test]
    fn a_state_that_is_read_can_be_sent_and_read_again(
        state in "[a-c0-1@_=, \t]{0,60}|([a-z]{1,3}=[!-~]{0,200},?){0,40}",
    ) {
        if let Some(parsed) = TraceState::parse([state.as_bytes()]) {
            prop_assert!(parsed.as_str().len() <= 512);
            prop_assert!(HeaderValue::from_str(parsed.as_str()).is_ok());
            prop_assert_eq!(TraceState::parse([parsed.as_str().as_bytes()]), Some(parsed));
        }
    }
}
