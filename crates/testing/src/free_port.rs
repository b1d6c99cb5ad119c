use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that a system hands out, or another test's listener might be given the port
/// before it is used.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port that nobody listens on. Tests in other processes begin elsewhere.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(32);
    let port = |_| {
        let next = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).into());
        FIRST + (next % u32::from(COUNT)) as u16
    };
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..COUNT).map(port).find(is_free).unwrap()
}
