//! Follows a key of Consul's from a thread of its own: its questions block.

use std::thread;

use pilotlight_config::{Change, Consul};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What the key says, whenever that is something else, until nobody listens. `away` is whether it
/// has been told already that Consul does not answer.
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
            Err(error) => tracing::warn!("{error}; the configuration stays as it was"),
            Ok(_) if away => tracing::info!("Consul answers again"),
            Ok(_) => {}
        }
        away = answer.is_err();
        match answer {
            Ok(Change::Text(text)) => {
                // Whoever listened has gone.
                let _ = tell.blocking_send(text);
            }
            Ok(Change::Absent) => {
                tracing::warn!("Consul has no such key; the configuration stays as it was");
            }
            Ok(Change::Unchanged) | Err(_) => {}
        }
    }
}
