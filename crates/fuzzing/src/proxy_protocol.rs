//! What a connection begins with, read as a server reads it.

use pilotlight_auth::{ProxyHeader, proxy_header};

/// The fixed part of version 2, and what may follow it.
const LONGEST: usize = 16 + 4096;

/// Runs the target.
pub fn run(sent: &[u8]) {
    let mut taken = 0;
    while let Ok(ProxyHeader::Incomplete(more)) = proxy_header(&sent[..taken]) {
        assert!(more > 0 && taken + more <= LONGEST, "{more} after {taken}");
        if taken + more > sent.len() {
            return;
        }
        taken += more;
    }
    // What follows the header changes nothing, and was not asked for.
    let header = proxy_header(&sent[..taken]);
    assert!(!matches!(header, Ok(ProxyHeader::Incomplete(_))));
}
