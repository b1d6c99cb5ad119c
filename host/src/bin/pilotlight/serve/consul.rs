//! Follows a Consul key on a thread of its own, because its queries block.

use std::thread;

use pilotlight_config::{Change, Consul};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Sends the value of the key whenever it changes, until the receiver is dropped. `away` is whether
/// the log already says that Consul is not reachable.
pub(super) fn follow(consul: Consul, away: bool) -> std::io::Result<Receiver<String>> {
    let (tell, told) = channel(1);
    let listen = move || while_heard(consul, away, &tell);
    thread::Builder::new().name("consul".into()).spawn(listen)?;
    Ok(told)
}

fn while_heard(mut consul: Consul, mut away: bool, tell: &Sender<String>) {
    while !tell.is_closed() {
        thread::sleep(consul.pause());
        let answer = consul.wait();
        match &answer {
            Err(error) if away => tracing::debug!("{error}"),
            Err(error) => tracing::warn!("{error}; the previous configuration stays in use"),
            Ok(_) if away => tracing::info!("Consul is reachable again"),
            Ok(_) => {}
        }
        away = answer.is_err();
        match answer {
            Ok(Change::Text(text)) => {
                // Whoever listened has gone.
                let _ = tell.blocking_send(text);
            }
            Ok(Change::Absent) => {
                tracing::warn!(
                    "the Consul key does not exist; the previous configuration stays in use"
                );
            }
            Ok(Change::Unchanged) | Err(_) => {}
        }
    }
}
