//! What a running process has open, from Linux's `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// What an open file stands for: a path, or a kind such as `socket`.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) what: String,
    pub(crate) writable: bool,
}

/// A process and all that it has started.
pub(crate) fn family(id: u32) -> Vec<u32> {
    let mut family = vec![id];
    let mut next = 0;
    while let Some(parent) = family.get(next) {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
        let children = tasks.map(|task| task.unwrap().path().join("children"));
        // A thread may have ended since.
        let children: Vec<String> =
            children.filter_map(|file| fs::read_to_string(file).ok()).collect();
        let ids = children.iter().flat_map(|ids| ids.split_whitespace());
        family.extend(ids.map(|id| id.parse::<u32>().unwrap()));
        next += 1;
    }
    family
}

fn descriptors(id: u32) -> impl Iterator<Item = (PathBuf, String)> {
    let links = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    links.filter_map(move |link| {
        let link = link.unwrap();
        let number = link.file_name().into_string().unwrap();
        // It may be closed by now.
        Some((fs::read_link(link.path()).ok()?, number))
    })
}

/// What it has open that it was not given by this process, such as where errors are written.
pub(crate) fn open_files(id: u32) -> Vec<Open> {
    let given: BTreeSet<PathBuf> =
        descriptors(std::process::id()).map(|(target, _)| target).collect();
    let own = descriptors(id).filter(|(target, _)| !given.contains(target));
    let open = own.filter_map(|(target, number)| {
        let about = fs::read_to_string(format!("/proc/{id}/fdinfo/{number}")).ok()?;
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        let target = target.to_str().unwrap();
        let kind = target.split_once(":[").map_or(target, |(kind, _)| kind);
        // O_ACCMODE is 3, O_RDONLY is 0.
        Some(Open { what: kind.to_owned(), writable: flags & 3 != 0 })
    });
    open.collect()
}

/// Where a process takes connections or datagrams, as `/proc` writes it: `tcp 127.0.0.1:3000`,
/// `unix /path`.
pub(crate) fn listeners(id: u32) -> BTreeSet<String> {
    let inodes: BTreeSet<String> = descriptors(id)
        .filter_map(|(target, _)| {
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    let table =
        |name: &str| fs::read_to_string(format!("/proc/{id}/net/{name}")).unwrap_or_default();
    let mut listeners = BTreeSet::new();
    // Whatever is open of datagrams and raw sockets receives; of TCP, what is in the state LISTEN.
    for (name, state) in
        [("tcp", Some("0A")), ("tcp6", Some("0A")), ("udp", None), ("udp6", None), ("raw", None)]
    {
        for line in table(name).lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if inodes.contains(fields[9]) && state.is_none_or(|state| state == fields[3]) {
                listeners.insert(format!("{name} {}", address(fields[1])));
            }
        }
    }
    for line in table("unix").lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // __SO_ACCEPTCON
        let accepts = u32::from_str_radix(fields[3], 16).unwrap() & 0x1_0000 != 0;
        if accepts && inodes.contains(fields[6]) {
            listeners.insert(format!("unix {}", fields.get(7).unwrap_or(&"")));
        }
    }
    listeners
}

/// `0100007F:0BB8` is 127.0.0.1:3000; other lengths stay as they are.
fn address(hexadecimal: &str) -> String {
    let (host, port) = hexadecimal.split_once(':').unwrap();
    let port = u16::from_str_radix(port, 16).unwrap();
    match u32::from_str_radix(host, 16) {
        Ok(host) if hexadecimal.len() == 13 => {
            format!("{}:{port}", std::net::Ipv4Addr::from(host.swap_bytes()))
        }
        _ => format!("{host}:{port}"),
    }
}
