//! How long the process lives.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use pilotlight_inference::{Backend as _, Precision};
use pilotlight_testing::graphs::doubling;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::{PATIENCE, doubled, isolated, kill, pid};

/// Waits until a process has ended.
fn wait_for_end(process: &rustix::fd::OwnedFd) {
    use rustix::event::{PollFd, PollFlags, poll};
    let timeout = rustix::event::Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)).unwrap();
    assert_eq!(ended, 1, "it lives on");
}

#[test]
fn the_child_goes_when_the_backend_does() {
    let backend = isolated();
    let child = pidfd_open(pid(&backend).unwrap(), PidfdFlags::empty()).unwrap();
    drop(backend);
    wait_for_end(&child);
}

#[test]
#[ignore = "a parent that is killed by another test"]
fn parent() {
    let backend = isolated();
    println!("child {}", backend.process().unwrap().id.unwrap());
    loop {
        std::thread::park();
    }
}

#[test]
fn the_child_goes_when_the_parent_is_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["lifetime::parent", "--exact", "--ignored", "--nocapture"]);
    let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.into_iter().find_map(|line| {
        line.split_once("child ").and_then(|(_, id)| id.trim().parse::<i32>().ok())
    });
    let child = pidfd_open(Pid::from_raw(said.unwrap()).unwrap(), PidfdFlags::empty()).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for_end(&child);
}

#[test]
fn what_asks_the_parent_to_stop_leaves_the_child_to_finish_its_calls() {
    let backend = isolated();
    let model = backend.load("g", doubling(), Precision::F32.into()).unwrap();
    let before = pid(&backend);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill(&backend, signal);
    }
    doubled(&*model, 2).unwrap();
    assert_eq!(pid(&backend), before);
}
