//! Mistakes of who may ask, and of what is protected.

use pilotlight_auth::Options as Access;
use pilotlight_deidentify::{Mistake, Mode, ProtectionOptions};

use super::{Finding, Names, key, unknown_name};
use crate::key::Key;
use crate::types::Config;

/// Options of an access that depend on each other.
const TOGETHER: [&str; 5] = ["jwks", "issuer", "audience", "rate", "burst"];

pub(super) fn check(config: &Config, names: &Names<'_>, findings: &mut Vec<Finding>) {
    for (name, access) in &config.access {
        let at = key(&["access", name]);
        if let Err(mistake) = access.check() {
            let because = TOGETHER.map(|option| at.name(option)).into();
            let key = at.name(&mistake.place);
            findings.push(Finding { key, because, message: mistake.message });
        }
    }
    for (name, protection) in &config.protection {
        check_protection(&key(&["protection", name]), protection, findings);
    }
    let default = config.default_access.as_ref().map(|name| (key(&["default-access"]), name));
    let of_rules = |index| key(&["routes"]).index(index);
    let rules = config.routes.iter().enumerate();
    let named = rules
        .clone()
        .filter_map(|(index, rule)| Some((of_rules(index).name("access"), rule.access.as_ref()?)));
    for (key, name) in default.into_iter().chain(named) {
        known(key, ("access", name), &names.access, findings);
    }
    for (index, rule) in rules {
        let Some(name) = &rule.protection else { continue };
        let key = of_rules(index).name("protection");
        known(key.clone(), ("protection", name), &names.protection, findings);
        let access = rule.access.as_ref().or(config.default_access.as_ref());
        anybody_restores(key, config, (name, access), findings);
    }
    overridden(config, findings);
}

fn check_protection(at: &Key, protection: &ProtectionOptions, findings: &mut Vec<Finding>) {
    let Err(mistake) = protection.check() else { return };
    let (option, because) = match mistake {
        Mistake::OfNoEffect { key, .. } => (key, "mode"),
        Mistake::NoLabels => ("labels", "labels"),
        _ => ("mode", "keys"),
    };
    let because = vec![at.name(because)];
    findings.push(Finding { key: at.name(option), because, message: mistake.to_string() });
}

fn known(key: Key, (what, name): (&str, &str), known: &[&str], findings: &mut Vec<Finding>) {
    if !known.contains(&name) {
        let message = unknown_name(what, name, known);
        findings.push(Finding { key, because: vec![self::key(&[what])], message });
    }
}

/// Encrypted values are restored for whoever may ask.
fn anybody_restores(
    at: Key,
    config: &Config,
    (protection, access): (&str, Option<&String>),
    findings: &mut Vec<Finding>,
) {
    let encrypts = |options: &ProtectionOptions| options.mode == Mode::Encrypt;
    if !config.protection.get(protection).is_some_and(encrypts) {
        return;
    }
    let mut because = vec![key(&["protection", protection, "mode"]), key(&["default-access"])];
    let identifies = match access {
        None => false,
        Some(name) => {
            because.extend(["api-keys", "jwks"].map(|option| key(&["access", name, option])));
            // Of one that there is not, something else is told.
            config.access.get(name).is_none_or(Access::identifies)
        }
    };
    if !identifies {
        let message = "encrypts, and anybody could have everything decrypted; give the rule an \
                       `access` with `api-keys` or `jwks`";
        findings.push(Finding { key: at, because, message: message.to_owned() });
    }
}

/// A tester's header goes past rules, for requests that none of them is for.
fn overridden(config: &Config, findings: &mut Vec<Finding>) {
    let guarded = config.routes.iter().any(|rule| rule.access.is_some());
    if config.override_header && guarded && config.default_access.is_none() {
        findings.push(Finding {
            key: key(&["override-header"]),
            because: vec![key(&["default-access"]), key(&["routes"])],
            message: "needs `default-access`, as rules name an `access`: requests that no rule is \
                      for reach what testers name, whoever they are"
                .to_owned(),
        });
    }
}
