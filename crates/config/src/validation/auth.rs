//! Validation of authentication and de-identification.

use pilotlight_auth::AuthOptions;
use pilotlight_deidentify::{DeidentifyOptions, Mode, OptionsError};

use super::finding::{Finding, Names, key, unknown_name};
use crate::key::Key;
use crate::types::Config;

/// Options of an `auth` that depend on each other.
const TOGETHER: [&str; 5] = ["jwks", "issuer", "audience", "rate", "burst"];

pub(super) fn check(config: &Config, names: &Names<'_>, findings: &mut Vec<Finding>) {
    for (name, auth) in &config.auth {
        let at = key(&["auth", name]);
        if let Err(error) = auth.check() {
            let because = TOGETHER.map(|option| at.name(option)).into();
            let key = at.name(&error.key);
            findings.push(Finding { key, because, message: error.message });
        }
    }
    for (name, deidentify) in &config.deidentify {
        check_deidentify(&key(&["deidentify", name]), deidentify, findings);
    }
    let default = config.default_auth.as_ref().map(|name| (key(&["default-auth"]), name));
    let of_routes = |index| key(&["routes"]).index(index);
    let routes = config.routes.iter().enumerate();
    let named = routes
        .clone()
        .filter_map(|(index, route)| Some((of_routes(index).name("auth"), route.auth.as_ref()?)));
    for (key, name) in default.into_iter().chain(named) {
        check_name(key, ("auth", name), &names.auth, findings);
    }
    for (index, route) in routes {
        let Some(name) = &route.deidentify else { continue };
        let key = of_routes(index).name("deidentify");
        check_name(key.clone(), ("deidentify", name), &names.deidentify, findings);
        let auth = route.auth.as_ref().or(config.default_auth.as_ref());
        check_reidentification(key, config, (name, auth), findings);
    }
    check_override_header(config, findings);
}

fn check_deidentify(at: &Key, deidentify: &DeidentifyOptions, findings: &mut Vec<Finding>) {
    let Err(error) = deidentify.check() else { return };
    let (option, because) = match error {
        OptionsError::OfNoEffect { key, .. } => (key, "mode"),
        OptionsError::NoLabels => ("labels", "labels"),
        _ => ("mode", "keys"),
    };
    let because = vec![at.name(because)];
    findings.push(Finding { key: at.name(option), because, message: error.to_string() });
}

fn check_name(key: Key, (what, name): (&str, &str), known: &[&str], findings: &mut Vec<Finding>) {
    if !known.contains(&name) {
        let message = unknown_name(&format!("`[{what}]` section"), name, known);
        findings.push(Finding { key, because: vec![self::key(&[what])], message });
    }
}

/// Whoever passes the authentication of a route can re-identify encrypted values.
fn check_reidentification(
    at: Key,
    config: &Config,
    (deidentify, auth): (&str, Option<&String>),
    findings: &mut Vec<Finding>,
) {
    let encrypts = |options: &DeidentifyOptions| options.modes().any(|mode| mode == Mode::Encrypt);
    if !config.deidentify.get(deidentify).is_some_and(encrypts) {
        return;
    }
    let mut because = vec![key(&["deidentify", deidentify, "mode"]), key(&["default-auth"])];
    let identifies = match auth {
        None => false,
        Some(name) => {
            because.extend(["api-keys", "jwks"].map(|option| key(&["auth", name, option])));
            // Of one that there is not, something else is told.
            config.auth.get(name).is_none_or(AuthOptions::identifies)
        }
    };
    if !identifies {
        let message = "anyone could decrypt the encrypted values, because the route needs no \
            credentials; add an `auth` with `api-keys` or `jwks`";
        findings.push(Finding { key: at, because, message: message.to_owned() });
    }
}

/// The override header reaches targets without a route, for requests that match none.
fn check_override_header(config: &Config, findings: &mut Vec<Finding>) {
    let guarded = config.routes.iter().any(|route| route.auth.is_some());
    if config.override_header && guarded && config.default_auth.is_none() {
        findings.push(Finding {
            key: key(&["override-header"]),
            because: vec![key(&["default-auth"]), key(&["routes"])],
            message: "needs `default-auth`, because routes have an `auth`: requests that match no \
                route could reach every function without credentials"
                .to_owned(),
        });
    }
}
