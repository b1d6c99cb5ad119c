//! Where requests and the administration's come in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use pilotlight::{Admin, AdminToken, Readiness, Server, Tls};
use pilotlight_config::INTERVAL;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::settings::{AdminPlace, Fixed};

/// Bound sockets.
pub(super) struct Listeners {
    pub(super) functions: Server,
    pub(super) administration: Server,
}

/// An administration that answers until it is told that everything else has ended.
pub(super) struct Answering {
    task: JoinHandle<bool>,
    end: Arc<Notify>,
}

impl Listeners {
    pub(super) async fn bind(fixed: &Fixed) -> pilotlight::Result<Self> {
        open_more_files(fixed.limits.max_connections);
        let mut functions = Server::bind(fixed.listen).await?.with_limits(fixed.limits.clone())?;
        let administration = match &fixed.admin {
            AdminPlace::Address(address) => Server::bind(*address).await?,
            AdminPlace::Socket(path) => Server::bind_unix(path).await?,
        };
        let mut administration = administration.with_limits(fixed.limits.clone())?;
        if let Some(tls) = &fixed.tls {
            functions = functions.with_tls(tls.clone());
            if !is_local(&administration) {
                administration = administration.with_tls(tls.clone());
            }
        }
        Ok(Self { functions, administration })
    }

    /// The administration, as far as those who reach its listener may go.
    pub(super) fn admin(&self, readiness: Readiness, fixed: &Fixed) -> Admin {
        let admin = Admin::new(readiness);
        let local = is_local(&self.administration);
        match &fixed.admin_token {
            Some(token) => {
                if !local && fixed.tls.is_none() {
                    tracing::warn!("the administration's token can be read on its way: no TLS");
                }
                admin.with_token(AdminToken::clone(token))
            }
            None if local => admin,
            None => admin.probes_only(),
        }
    }
}

/// A connection is an open file, of which processes get fewer than they may have.
fn open_more_files(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "no more files than usual");
    }
    if limit.maximum.is_some_and(|files| files < connections as u64) {
        let files = limit.maximum.unwrap_or_default();
        tracing::warn!(connections, files, "fewer files can be open than there may be connections");
    }
}

/// Whether only this machine reaches it.
fn is_local(server: &Server) -> bool {
    server.address().is_none_or(|address| address.ip().is_loopback())
}

impl Answering {
    pub(super) fn new(server: Server, admin: Admin) -> Self {
        let end = Arc::new(Notify::new());
        let ended = Arc::clone(&end);
        let serve = async move { server.serve(admin, ended.notified(), Duration::ZERO).await };
        Self { task: tokio::spawn(serve), end }
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.end.notify_one();
        let ended = self.task.await;
        Ok(ended.map(drop).map_err(pilotlight::Error::unfinished("the administration"))?)
    }
}

/// Reads a certificate again when it changes, and on SIGHUP.
pub(super) async fn follow(tls: Tls) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let asked = async {
        while hangup.recv().await.is_some() {
            tls.take_over();
        }
    };
    tokio::join!(tls.clone().follow(INTERVAL), asked);
    Ok(())
}
