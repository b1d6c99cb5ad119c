//! Listeners of the functions and of the administration API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pilotlight::{Admin, AdminToken, Server, Telemetry, Tls};
use pilotlight_files::WATCH_INTERVAL;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::settings::Fixed;
use crate::admin_socket;
use crate::reason::reason;

/// Bound sockets.
pub(super) struct Listeners {
    pub(super) functions: Server,
    pub(super) administration: Administration,
}

/// Listeners of the administration API.
pub(super) struct Administration {
    /// The whole API, for this user.
    socket: Option<Server>,
    /// Probes and metrics; the whole API with a token.
    tcp: Option<Server>,
    token: Option<AdminToken>,
}

/// Listeners of the administration API, which answer until everything else has ended.
pub(super) struct Answering(Vec<(JoinHandle<bool>, Arc<Notify>)>);

impl Listeners {
    pub(super) async fn bind(fixed: &Fixed, telemetry: &Telemetry) -> pilotlight::Result<Self> {
        open_more_files(fixed.limits.max_connections);
        let functions = Server::bind(fixed.listen).await?.with_limits(fixed.limits.clone())?;
        let mut functions = functions.with_telemetry(telemetry.clone());
        let port = functions.address().map_or(0, |address| address.port());
        let administration = Administration::bind(fixed, port).await?;
        if let Some(tls) = &fixed.tls {
            functions = functions.with_tls(tls.clone());
        }
        Ok(Self { functions, administration })
    }
}

impl Administration {
    /// Binds the administration of a server whose functions are on `port`.
    async fn bind(fixed: &Fixed, port: u16) -> pilotlight::Result<Self> {
        // Proxies are in front of the functions.
        let mut limits = fixed.limits.clone();
        (limits.proxy_protocol, limits.trusted_proxies) = (false, Vec::new());
        let socket = match &fixed.admin.socket {
            Some(path) => Some(Server::bind_unix(path).await?),
            None => default_socket(port, fixed.cache_dir.as_deref()).await,
        };
        let socket = socket.map(|server| server.with_limits(limits.clone())).transpose()?;
        let tcp = match fixed.admin.address() {
            Some(address) => Some(Server::bind(address).await?.with_limits(limits)?),
            None => None,
        };
        let tcp = tcp.map(|server| match &fixed.tls {
            Some(tls) if !is_local(&server) => server.with_tls(tls.clone()),
            _ => server,
        });
        if tcp.as_ref().is_some_and(|server| !is_local(server))
            && fixed.admin_token.is_some()
            && fixed.tls.is_none()
        {
            tracing::warn!(
                "the administration listener sends its token without TLS; configure --tls-certificate and --tls-key"
            );
        }
        Ok(Self { socket, tcp, token: fixed.admin_token.clone() })
    }

    /// Its addresses, for the user.
    pub(super) fn describe(&self) -> String {
        let socket =
            self.socket.as_ref().map(|server| format!("administration on {}", server.url()));
        let tcp = self.tcp.as_ref().map(|server| {
            let what = match &self.token {
                Some(_) => "administration",
                None if is_local(server) => "probes and metrics",
                None => "probes",
            };
            format!("{what} on {}", server.url())
        });
        let places: Vec<_> = socket.into_iter().chain(tcp).collect();
        places.join(", ")
    }

    /// Answers with `admin`, restricted to what each listener offers.
    pub(super) fn answer(self, admin: &Admin) -> Answering {
        let ask = match &self.socket {
            Some(socket) => {
                format!("use {}, or configure a token with --admin-token-file", socket.url())
            }
            None => {
                "configure a socket with --admin-socket, or a token with --admin-token-file".into()
            }
        };
        let with_token = |admin: Admin| match &self.token {
            Some(token) => admin.with_token(token.clone()),
            None => admin,
        };
        let on_tcp = |server: &Server| match &self.token {
            Some(_) => with_token(admin.clone()),
            None if is_local(server) => admin.clone().probes_and_metrics_only(&ask),
            None => admin.clone().probes_only(&ask),
        };
        let tcp = self.tcp.map(|server| (on_tcp(&server), server));
        let socket = self.socket.map(|server| (with_token(admin.clone()), server));
        let listeners = socket.into_iter().chain(tcp);
        Answering(listeners.map(|(admin, server)| answer(server, admin)).collect())
    }
}

/// The socket if none is configured. If it cannot be created, for example in a container without a
/// writable folder, probes and metrics are served without it.
async fn default_socket(port: u16, cache: Option<&Path>) -> Option<Server> {
    let bound = match admin_socket::default_path(port, cache) {
        Ok(path) => Server::bind_unix(&path).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    let warn = |error| {
        let error = reason(&error);
        tracing::warn!(%error, "the Unix socket of the administration API could not be created; name its path with --admin-socket");
    };
    bound.map_err(warn).ok()
}

fn answer(server: Server, admin: Admin) -> (JoinHandle<bool>, Arc<Notify>) {
    let end = Arc::new(Notify::new());
    let ended = Arc::clone(&end);
    let serve = async move { server.serve(admin, ended.notified(), Duration::ZERO).await };
    (tokio::spawn(serve), end)
}

/// Raises the limit of open files to its maximum, because each connection is an open file.
fn open_more_files(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
    if limit.maximum.is_some_and(|files| files < connections as u64) {
        let files = limit.maximum.unwrap_or_default();
        tracing::warn!(
            connections,
            files,
            "the limit of open files is below the maximum number of connections; raise it with ulimit -n"
        );
    }
}

/// Whether only this machine can connect to it.
fn is_local(server: &Server) -> bool {
    server.address().is_none_or(|address| address.ip().is_loopback())
}

impl Answering {
    pub(super) async fn end(self) -> anyhow::Result<()> {
        for (task, end) in self.0 {
            end.notify_one();
            task.await.map_err(pilotlight::Error::unfinished("the administration"))?;
        }
        Ok(())
    }
}

/// Reloads a certificate when it changes, and on SIGHUP.
pub(super) async fn follow(tls: Tls) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let asked = async {
        while hangup.recv().await.is_some() {
            tls.take_over();
        }
    };
    tokio::join!(tls.clone().follow(WATCH_INTERVAL), asked);
    Ok(())
}
