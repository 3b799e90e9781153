//! The ring buffer: what happens seldom and is wanted at once.
//!
//! Lives here: waiting for events and taking them. Does not: what they mean (see `containers` and `counters`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc;

use libbpf_rs::{MapCore, RingBuffer, RingBufferBuilder};

use crate::error::RecordError;
use crate::wire::{self, Message, WireError};

/// Events from the kernel. Its descriptor is readable when there are any.
pub(crate) struct Events {
    ring: RingBuffer<'static>,
    descriptor: OwnedFd,
    receiver: mpsc::Receiver<Result<Message, WireError>>,
}

impl Events {
    /// Those of a ring buffer.
    pub(crate) fn of(map: &impl MapCore) -> Result<Self, RecordError> {
        let (sender, receiver) = mpsc::channel();
        let mut builder = RingBufferBuilder::new();
        builder
            .add(map, move |bytes| {
                // The receiver lives as long as the ring; a send cannot fail while it is polled.
                sender.send(wire::message(bytes)).map_or(-1, |()| 0)
            })
            .map_err(map_error)?;
        let ring = builder.build().map_err(map_error)?;
        let descriptor = map.as_fd().try_clone_to_owned();
        let descriptor = descriptor.map_err(|source| RecordError::System { what: "wait for events", source })?;
        Ok(Self { ring, descriptor, receiver })
    }

    /// Events that have arrived, oldest first.
    pub(crate) fn take(&self) -> Result<Vec<Message>, RecordError> {
        self.ring.consume().map_err(map_error)?;
        Ok(self.receiver.try_iter().collect::<Result<_, _>>()?)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn map_error(source: libbpf_rs::Error) -> RecordError {
    RecordError::Map { map: "events", source }
}
