//! Servers at Unix sockets.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use pilotlight::{Error, Server};
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clients::Raw;
use crate::serving::{Function, PATIENCE};

async fn serve(path: &Path) -> (oneshot::Sender<()>, JoinHandle<bool>) {
    let server = Server::bind_unix(path).await.unwrap();
    assert_eq!((server.address(), server.url()), (None, format!("unix:{}", path.display())));
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let function = Function::default();
    let service = tower::service_fn(move |request| function.clone().answer(request));
    (stop, tokio::spawn(server.serve(service, stopped, PATIENCE)))
}

async fn status(path: &Path) -> u16 {
    Raw(UnixStream::connect(path).await.unwrap()).get("/").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_may_connect_and_it_is_gone_when_the_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let (stop, ended) = serve(&path).await;
    let metadata = fs::symlink_metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(status(&path).await, 200);
    stop.send(()).unwrap();
    assert!(ended.await.unwrap());
    // Nothing is left, of the way there either.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_a_dead_process_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let _serving = serve(&path).await;
    assert_eq!(status(&path).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_needs_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let _serving = serve(&path).await;
    let refused = async |path: &Path, reason: &str| {
        let error = Server::bind_unix(path).await.err().unwrap();
        assert!(matches!(error, Error::Socket { .. }));
        assert!(error.to_string().contains(reason), "{error}");
    };
    refused(&path, "another process listens on it").await;
    assert_eq!(status(&path).await, 200);
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    refused(&file, "is not a socket").await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    refused(&folder.path().join("absent/admin.sock"), "absent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_another_server_has_put_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let (stop, ended) = serve(&path).await;
    fs::remove_file(&path).unwrap();
    let _other = serve(&path).await;
    stop.send(()).unwrap();
    assert!(ended.await.unwrap());
    assert_eq!(status(&path).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_too_long_for_clients_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rest = |length: usize| "x".repeat(length - folder.path().as_os_str().len() - 1);
    let longest = folder.path().join(rest(107));
    let _serving = serve(&longest).await;
    assert_eq!(status(&longest).await, 200);
    let longer = folder.path().join(rest(108));
    let error = Server::bind_unix(&longer).await.err().unwrap().to_string();
    for told in [longer.to_str().unwrap(), "108 bytes", "107", "--admin-socket"] {
        assert!(error.contains(told), "{error}");
    }
    assert!(!longer.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_servers_that_start_at_once_only_one_gets_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..50 {
        let path = folder.path().join(format!("{round}.sock"));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(8));
        let mut servers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (path, start) = (path.clone(), start.clone());
            servers.spawn(async move {
                start.wait().await;
                Server::bind_unix(&path).await
            });
        }
        let bound = servers.join_all().await;
        assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1, "round {round}");
    }
}
