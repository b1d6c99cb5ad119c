//! Validation of CORS.

use super::finding::{Finding, key};
use crate::format::ANY;
use crate::types::Cors;

pub(super) fn check(cors: &Cors, findings: &mut Vec<Finding>) {
    if cors.allow_origins.is_empty() {
        findings.push(Finding {
            key: key(&["cors", "allow-origins"]),
            because: Vec::new(),
            message: "names no origin, so that no page may send requests; list origins, or leave \
                      out [cors]"
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
                message: "must not be `*` with `allow-credentials`, which browsers refuse; list \
                          each"
                    .to_owned(),
            });
        } else if list.len() > 1 {
            let message = "has `*`, which is everything, and others; leave out one of both";
            let (key, because) = (key(&["cors", name]), Vec::new());
            findings.push(Finding { key, because, message: message.to_owned() });
        }
    }
}
