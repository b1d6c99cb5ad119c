//! Validation of CORS.

use super::finding::{Finding, key};
use crate::format::ANY;
use crate::types::Cors;

pub(super) fn check(cors: &Cors, findings: &mut Vec<Finding>) {
    if cors.allow_origins.is_empty() {
        findings.push(Finding {
            key: key(&["cors", "allow-origins"]),
            because: Vec::new(),
            message: "contains no origin, so that no page could send requests; list origins, or \
                remove [cors]"
                .to_owned(),
        });
    }
    let lists = [
        ("allow-origins", &cors.allow_origins),
        ("allow-methods", &cors.allow_methods),
        ("allow-headers", &cors.allow_headers),
        ("expose-headers", &cors.expose_headers),
    ];
    for (name, list) in lists {
        if !list.iter().any(|value| value == ANY) {
            continue;
        }
        if cors.allow_credentials {
            findings.push(Finding {
                key: key(&["cors", name]),
                because: vec![key(&["cors", "allow-credentials"])],
                message: "must not be `*` with `allow-credentials`, because browsers refuse that; \
                    list each value"
                    .to_owned(),
            });
        } else if list.len() > 1 {
            let message = "contains `*` and other values; use either `*` or a list";
            let (key, because) = (key(&["cors", name]), Vec::new());
            findings.push(Finding { key, because, message: message.to_owned() });
        }
    }
}
