//! Routes and requests, written down shortly.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use pilotlight_router::{Decision, Request, Route, RouteError, Router, RouterOptions};
use serde_json::Value;

/// Functions `a` to `f`.
pub fn options() -> RouterOptions {
    let functions: BTreeSet<String> = ["a", "b", "c", "d", "e", "f"].map(String::from).into();
    RouterOptions { functions, override_header: false }
}

pub fn routes(routes: Value) -> Vec<Route> {
    serde_json::from_value(routes).unwrap()
}

pub fn router(list: Value) -> Router {
    Router::new(routes(list), options()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

pub fn errors(routes: Vec<Route>) -> Vec<RouteError> {
    Router::new(routes, options()).err().unwrap_or_default()
}

/// The targets of the routes that send everything to `a` with one weight and to `b` with another.
pub fn two(a: f64, b: f64) -> Value {
    serde_json::json!([{ "target": "a", "weight": a }, { "target": "b", "weight": b }])
}

/// A request of which all parts are owned.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub client: Option<IpAddr>,
    pub body: Option<Vec<u8>>,
}

pub fn get(path: &str) -> Sent {
    Sent { path: path.to_owned(), ..Sent::default() }
}

impl Sent {
    pub fn query(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub fn client(mut self, address: &str) -> Self {
        self.client = Some(address.parse().unwrap());
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    pub fn request(&self) -> Request<'_> {
        Request {
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            client: self.client,
            body: self.body.as_deref(),
        }
    }
}

pub fn decide<'a>(router: &'a Router, sent: &Sent, draw: u64) -> Decision<'a> {
    router.route(&sent.request(), draw).unwrap().unwrap()
}

/// The route that a request matches.
pub fn matched(router: &Router, sent: &Sent) -> Option<usize> {
    router.route(&sent.request(), 0).unwrap()?.route
}

pub fn target(router: &Router, sent: &Sent, draw: u64) -> String {
    decide(router, sent, draw).target.to_string()
}

/// Pseudo-random numbers, the same for the same seed (SplitMix64).
pub fn draws(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |n| {
        let mut bits = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    })
}

/// Whether `count` of `n` is within the interval that holds 99.9 % of binomial samples.
pub fn likely(count: usize, n: usize, share: f64) -> bool {
    let deviation = (n as f64 * share * (1.0 - share)).sqrt();
    (count as f64 - n as f64 * share).abs() <= 3.2905 * deviation
}
