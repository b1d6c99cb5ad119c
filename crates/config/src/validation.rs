//! Validates values across keys that are valid by themselves but not together.
//! Used by `parse`. Does not know files.

mod addresses;
mod auth;
mod cors;
mod finding;
mod telemetry;

use std::collections::BTreeMap;

use pilotlight_router::{Route, Target};

use crate::diagnostic::RouteDiagnostic;
use crate::key::Key;
use crate::tree::Node;
use crate::types::{Backend, Compute, Config, Device, Function, Precision, Require, is_tag};

use finding::{key, unknown_name};

pub use addresses::overlap;
pub(crate) use finding::{Finding, Names};

/// All errors of a configuration.
pub(crate) fn check(config: &Config, names: &Names<'_>) -> Vec<Finding> {
    let functions = names.functions.as_slice();
    let mut findings = Vec::new();
    addresses::check(config, &mut findings);
    check_signatures(config, &mut findings);
    check_proxy_protocol(config, &mut findings);
    config.functions.iter().for_each(|(name, function)| {
        let key = key(&["functions", name]);
        check_function(&key, function, &mut findings);
        check_poll_interval(&key, function, &mut findings);
        check_concurrency(&key, function, &mut findings);
        if is_written(names.tree, &["functions", name, "pool", "min-ready"]) {
            check_min_ready(&key, function, &mut findings);
        }
    });
    check_default_route(config, functions, &mut findings);
    check_route_names(&config.routes, &mut findings);
    for (index, route) in config.routes.iter().enumerate() {
        check_targets(&key(&["routes"]).index(index), route, functions, &mut findings);
    }
    auth::check(config, names, &mut findings);
    config.cors.iter().for_each(|options| cors::check(options, &mut findings));
    config.telemetry.otlp.iter().for_each(|otlp| telemetry::check(otlp, &mut findings));
    findings
}

/// Errors that the router found in the routes.
pub(crate) fn from_router(diagnostics: Vec<RouteDiagnostic>) -> impl Iterator<Item = Finding> {
    diagnostics.into_iter().map(|diagnostic| {
        let route = key(&["routes"]).index(diagnostic.route);
        let text = format!("{route}.{}", diagnostic.key);
        let key = text.parse().unwrap_or_else(|_| route.name(&diagnostic.key));
        let key = if diagnostic.key.is_empty() { route } else { key };
        Finding { key, because: Vec::new(), message: diagnostic.message }
    })
}

fn check_signatures(config: &Config, findings: &mut Vec<Finding>) {
    if config.require == Require::Signature && config.keys.is_empty() {
        findings.push(Finding {
            key: key(&["require"]),
            because: vec![key(&["keys"])],
            message: "`require = \"signature\"` needs `keys`; list files with public keys"
                .to_owned(),
        });
    }
}

fn check_proxy_protocol(config: &Config, findings: &mut Vec<Finding>) {
    if config.http.proxy_protocol && config.http.trusted_proxies.is_empty() {
        let http = key(&["http"]);
        findings.push(Finding {
            key: http.name("proxy-protocol"),
            because: vec![http.name("trusted-proxies")],
            message: "needs `trusted-proxies`; list the addresses or networks of the proxies"
                .to_owned(),
        });
    }
}

fn check_function(at: &Key, function: &Function, findings: &mut Vec<Finding>) {
    let pool = at.name("pool");
    let mut find = |key: Key, because: Key, message: &str| {
        findings.push(Finding { key, because: vec![because], message: message.to_owned() });
    };
    let (requests, at_once) =
        (function.pool.requests_per_instance, function.pool.concurrent_requests_per_instance);
    if requests != 0 && requests < at_once {
        let message = format!("must be at most `requests-per-instance`, {requests}");
        let key = pool.name("concurrent-requests-per-instance");
        find(key, pool.name("requests-per-instance"), &message);
    }
    let precision = match (function.compute, function.precision) {
        (Compute::Guest, Some(Precision::Unchanged)) => Some(
            "`unchanged` is only supported on the host; the sandbox supports f32, int8 and int4",
        ),
        (Compute::Host, Some(Precision::Int4)) if !may_be_native(function) => Some(
            "int4 is only supported in the sandbox and by the backend native; other backends \
             support unchanged, f32 and int8",
        ),
        _ => None,
    };
    if let Some(message) = precision {
        find(at.name("precision"), at.name("compute"), message);
    }
    let host = at.name("host");
    let of_cpu = matches!(function.host.backend, Some(Backend::Native | Backend::Tract));
    if of_cpu && function.host.device != Device::Cpu {
        find(
            host.name("device"),
            host.name("backend"),
            "this backend supports only the device cpu; use onnxruntime",
        );
    }
}

/// Only a tag can move.
fn check_poll_interval(at: &Key, function: &Function, findings: &mut Vec<Finding>) {
    if function.poll_interval.is_some() && !is_tag(&function.source) {
        findings.push(Finding {
            key: at.name("poll-interval"),
            because: vec![at.name("source")],
            message: "needs a `source` with a tag and without a digest, \
                      oci://HOST[:PORT]/REPOSITORY:TAG"
                .to_owned(),
        });
    }
}

/// Whether the native backend computes for a function, if its graph is an encoder.
fn may_be_native(function: &Function) -> bool {
    let host = &function.host;
    matches!(host.backend, None | Some(Backend::Native)) && host.device == Device::Cpu
}

/// Requests beyond what the instances can take would only wait elsewhere.
fn check_concurrency(at: &Key, function: &Function, findings: &mut Vec<Finding>) {
    let (pool, limits) = (&function.pool, &function.limits);
    let room = pool.max_instances.saturating_mul(pool.concurrent_requests_per_instance);
    if limits.concurrent_requests.is_some_and(|most| most > room) {
        let pool = ["max-instances", "concurrent-requests-per-instance"];
        findings.push(Finding {
            key: at.name("limits").name("concurrent-requests"),
            because: pool.map(|key| at.name("pool").name(key)).into(),
            message: format!(
                "must be at most {room}, the number of requests that the instances of the pool can \
                 take"
            ),
        });
    }
}

fn is_written(tree: &Node, names: &[&str]) -> bool {
    names.iter().try_fold(tree, |node, name| node.get(name)).is_some()
}

/// The default of `min-ready` fits every `max-instances`; a configured one may not.
fn check_min_ready(at: &Key, function: &Function, findings: &mut Vec<Finding>) {
    let pool = at.name("pool");
    let (ready, most) = (function.pool.min_ready, function.pool.max_instances);
    if ready > most {
        findings.push(Finding {
            key: pool.name("min-ready"),
            because: vec![pool.name("max-instances")],
            message: format!("must be at most `max-instances`, {most}"),
        });
    }
}

/// Several functions need routes, or one that is called `default`.
fn check_default_route(config: &Config, functions: &[&str], findings: &mut Vec<Finding>) {
    if config.routes.is_empty() && functions.len() > 1 && !functions.contains(&"default") {
        findings.push(Finding {
            key: key(&["functions"]),
            because: vec![key(&["routes"])],
            message: "several functions need `routes`; add [[routes]], or call one function \
                `default`"
                .to_owned(),
        });
    }
}

fn check_route_names(routes: &[Route], findings: &mut Vec<Finding>) {
    let mut first = BTreeMap::new();
    for (index, route) in routes.iter().enumerate() {
        let Some(name) = &route.name else { continue };
        if let Some(other) = first.get(name) {
            let message = format!("routes[{other}] has the same name; choose another one");
            let key = key(&["routes"]).index(index).name("name");
            findings.push(Finding { key, because: Vec::new(), message });
        } else {
            first.insert(name.clone(), index);
        }
    }
}

fn check_targets(at: &Key, route: &Route, functions: &[&str], findings: &mut Vec<Finding>) {
    let targets = route.to.iter().enumerate();
    let targets =
        targets.map(|(i, weighted)| (at.name("to").index(i).name("target"), &weighted.target));
    let shadow =
        route.shadow.iter().map(|shadow| (at.name("shadow").name("target"), &shadow.target));
    let canary =
        route.canary.iter().map(|canary| (at.name("canary").name("target"), &canary.target));
    let unknown = |target: &Target| !functions.contains(&target.function.as_str());
    for (key, target) in targets.chain(shadow).chain(canary).filter(|(_, target)| unknown(target)) {
        let message = unknown_name("function", &target.function, functions);
        findings.push(Finding { key, because: vec![self::key(&["functions"])], message });
    }
}
