//! The server, through the library: what clients may take, and what they get whatever others do.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "tests")]

mod admin_access;
mod authority;
mod bodies;
mod clients;
mod connections;
mod drain;
mod heads;
mod idle;
mod proxies;
mod resets;
mod serving;
mod streamed;
mod tls;
mod tls_reload;
mod unix_socket;
mod unread;
