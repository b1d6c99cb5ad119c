//! The parent's end of a conversation with the child: one call after the other.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::backend::{Batching, LoadOptions};
use crate::buffer::Buffers;
use crate::isolated::engine;
use crate::isolated::memory::Region;
use crate::isolated::protocol::{self, MOST_OUTPUT, Reply, Request, shorten};
use crate::isolated::socket::{Broken, Socket};
use crate::signature::Signature;
use crate::tensor::Tensor;

/// Memory that a channel keeps for the next call; more goes back to the system.
const MOST_KEPT: usize = 1 << 26;

/// What the child says of a graph that it has loaded.
pub(super) struct Found {
    pub(super) signature: Signature,
    /// What computes it.
    pub(super) engine: &'static str,
    /// How calls can be computed together.
    pub(super) batching: Batching,
    /// Why rows are not known to be independent, if they are not.
    pub(super) mixes_rows: Option<String>,
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine failed, and this is what it said. The channel is as good as before.
    Failed(String),
    /// The channel is of no use any more, and what is at its other end is not to be trusted.
    Broken(Broken),
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// A channel. Its memory is used by this side while nothing is asked, and is not used for another
/// call before the last one was answered: that of a call whose caller has gone is waited for, too.
#[derive(Debug)]
pub(super) struct Channel {
    socket: Socket,
    region: Option<Region>,
    memory: Vec<u8>,
    /// The child waits for something that it will not get.
    spent: bool,
}

impl Channel {
    /// A channel, and the end that the child is to have.
    pub(super) fn open() -> Result<(Self, OwnedFd), Broken> {
        let (socket, theirs) = Socket::pair()?;
        Ok((Self { socket, region: None, memory: Vec::new(), spent: false }, theirs))
    }

    /// Whether it is of use for another call, and not too large for most.
    pub(super) fn is_worth_keeping(&self) -> bool {
        !self.spent && self.region.as_ref().is_none_or(|region| region.len() <= MOST_KEPT)
    }

    /// Has the child load a file as `graph`; tells what it is.
    pub(super) fn load(
        &mut self,
        graph: u64,
        (name, file, options): (&str, BorrowedFd<'_>, LoadOptions),
        limit: Duration,
    ) -> Result<Found, Fault> {
        let LoadOptions { precision, engine, .. } = options;
        let (name, precision) = (shorten(name), precision.to_string());
        let request = Request::Load { graph, name, precision, engine };
        match self.ask(&request, Some(file), limit)? {
            Reply::Loaded { signature, engine, batching, mixes_rows } => {
                let mixes_rows = mixes_rows.as_deref().map(shorten);
                let engine = engine::known(&engine);
                Ok(Found { signature: signature.into(), engine, batching, mixes_rows })
            }
            Reply::Failed(reason) => Err(Fault::Failed(shorten(&reason))),
            Reply::Outputs(_) | Reply::Room(_) => Err(unasked()),
        }
    }

    /// Has the child compute `graph`, whose outputs are those of `signature`.
    pub(super) fn run(
        &mut self,
        (graph, signature): (u64, &Signature),
        inputs: &[Tensor],
        buffers: &Buffers,
        limit: Duration,
    ) -> Result<Vec<Tensor>, Fault> {
        let file = self.grow(protocol::room(inputs))?;
        let inputs = protocol::write(inputs, self.region.as_ref())?;
        let request = Request::Run { graph, inputs };
        let mut reply = self.ask(&request, file.as_ref().map(OwnedFd::as_fd), limit)?;
        if let Reply::Room(bytes) = reply {
            if bytes > MOST_OUTPUT {
                return Err(Broken::Garbled(format!("{bytes} bytes of outputs")).into());
            }
            let file = self.grow(bytes as usize).inspect_err(|_| self.spent = true)?;
            reply = self.ask(&Request::Room, file.as_ref().map(OwnedFd::as_fd), limit)?;
        }
        match reply {
            Reply::Outputs(outputs) => {
                let region = self.region.as_ref();
                Ok(protocol::read(&outputs, &signature.outputs, region, buffers)?)
            }
            Reply::Failed(reason) => Err(Fault::Failed(shorten(&reason))),
            Reply::Room(_) | Reply::Loaded { .. } => Err(unasked()),
        }
    }

    /// Another memory if there are not `bytes` bytes.
    fn grow(&mut self, bytes: usize) -> Result<Option<OwnedFd>, Fault> {
        if bytes <= self.region.as_ref().map_or(0, Region::len) {
            return Ok(None);
        }
        let created = Region::create(bytes);
        let failed = |error| Fault::Failed(format!("no memory for tensors: {error}"));
        let (region, file) = created.map_err(failed)?;
        self.region = Some(region);
        Ok(Some(file))
    }

    fn ask(
        &mut self,
        request: &Request,
        file: Option<BorrowedFd<'_>>,
        limit: Duration,
    ) -> Result<Reply, Broken> {
        self.socket.limit(Some(limit))?;
        self.socket.send(request, file)?;
        Ok(self.socket.receive(&mut self.memory)?.0)
    }
}

fn unasked() -> Fault {
    Broken::Garbled("the answer belongs to another request".to_owned()).into()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use proptest::prelude::*;
    use rustix::net::{RecvFlags, SendFlags, recv, send};

    use super::*;
    use crate::isolated::protocol::Described;
    use crate::signature::Port;
    use crate::tensor::Element;

    const LIMIT: Duration = Duration::from_secs(60);

    fn signature() -> Signature {
        let port =
            |name: &str| Port { name: name.to_owned(), element: Element::F32, dimensions: None };
        Signature { inputs: vec![port("x")], outputs: vec![port("y")] }
    }

    /// Computes with a child that answers with `replies`, whatever it is asked, and hangs up then.
    fn run(replies: Vec<Vec<u8>>) -> Result<Vec<Tensor>, Fault> {
        let (mut channel, theirs) = Channel::open().unwrap();
        let buffers = Buffers::new(0);
        let input = Tensor::copied(&buffers, Element::F32, &[1, 2], &[0; 8]).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut request = [0; 1024];
                for reply in replies {
                    recv(&theirs, &mut request[..], RecvFlags::empty()).unwrap();
                    // Nobody may be listening any more.
                    let _ = send(&theirs, &reply, SendFlags::NOSIGNAL);
                }
            });
            let outcome = channel.run((0, &signature()), &[input], &buffers, LIMIT);
            drop(channel);
            outcome
        })
    }

    fn described() -> impl Strategy<Value = Described> {
        let elements = prop_oneof![3 => Just(Element::F32), 1 => Just(Element::I64)];
        let sizes = prop_oneof![
            3 => prop::collection::vec(1u32..200, 0..3),
            1 => prop::collection::vec(any::<u32>(), 0..12),
        ];
        (elements, sizes).prop_map(|(element, sizes)| Described { element, sizes })
    }

    fn reply() -> impl Strategy<Value = Vec<u8>> {
        let encode = |reply: Reply| postcard::to_allocvec(&reply).unwrap();
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..200),
            prop::collection::vec(described(), 0..3).prop_map(Reply::Outputs).prop_map(encode),
            prop_oneof![any::<u64>(), 1u64..1 << 20].prop_map(Reply::Room).prop_map(encode),
            ".{0,2000}".prop_map(Reply::Failed).prop_map(encode),
        ]
    }

    proptest! {
        #[test]
        fn whatever_the_child_says_is_a_result_that_fits_or_a_fault(
            replies in prop::collection::vec(reply(), 0..3),
        ) {
            match run(replies) {
                Ok(outputs) => {
                    prop_assert_eq!(outputs.len(), 1);
                    prop_assert_eq!(outputs[0].element(), Element::F32);
                    prop_assert_eq!(outputs[0].bytes().len(), outputs[0].shape().volume() * 4);
                }
                Err(Fault::Failed(reason)) => prop_assert!(reason.chars().count() <= 1000),
                Err(Fault::Broken(_)) => {}
            }
        }
    }

    #[test]
    fn outputs_are_where_there_is_room_for_them() {
        let outputs = |sizes: &[u32]| {
            let described = Described { element: Element::F32, sizes: sizes.to_vec() };
            postcard::to_allocvec(&Reply::Outputs(vec![described])).unwrap()
        };
        let room = |bytes: u64| postcard::to_allocvec(&Reply::Room(bytes)).unwrap();
        let fits = run(vec![outputs(&[128, 128])]).unwrap();
        assert_eq!(fits[0].shape().sizes(), [128, 128]);
        for lie in [
            vec![outputs(&[128, 129])],
            vec![outputs(&[u32::MAX, u32::MAX])],
            vec![outputs(&[0])],
            vec![room(u64::MAX)],
            vec![room(1 << 17), room(1 << 18)],
            vec![room(1 << 17), outputs(&[256, 257])],
            vec![vec![]],
            vec![vec![1; 1 << 17]],
            vec![],
        ] {
            assert!(matches!(run(lie), Err(Fault::Broken(_))));
        }
        let grown = run(vec![room(1 << 17), outputs(&[256, 128])]).unwrap();
        assert_eq!(grown[0].shape().sizes(), [256, 128]);
    }

    #[test]
    fn a_child_that_says_nothing_is_waited_for_no_longer_than_said() {
        let (mut channel, theirs) = Channel::open().unwrap();
        let limit = Duration::from_millis(1);
        let outcome = channel.run((0, &signature()), &[], &Buffers::new(0), limit);
        assert!(matches!(outcome, Err(Fault::Broken(Broken::Late))), "{outcome:?}");
        assert!(theirs.as_raw_fd() > 0);
    }
}
