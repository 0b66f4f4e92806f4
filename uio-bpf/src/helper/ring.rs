//! Helpers for ring buffers.

use super::memory::{Arguments, Result, entry};
use super::{Argument, Helper, Prototype, Returned, kinds};
use crate::bundle::MapKind;
use crate::errno::Errno;
use crate::map::Map;
use crate::run::Run;

const RING: Argument = Argument::Map(1 << MapKind::RingBuffer as u32);

/// Do not wake who reads: `BPF_RB_NO_WAKEUP`.
const NO_WAKEUP: u64 = 1;

/// Wake who reads in any case: `BPF_RB_FORCE_WAKEUP`.
const FORCE_WAKEUP: u64 = 2;

pub const OUTPUT: Helper<'static> = Helper {
    id: 130,
    name: "ringbuf_output",
    prototype: Prototype::new(
        &[
            RING,
            Argument::Read,
            Argument::Size { zero: false },
            Argument::Anything,
        ],
        Returned::Number,
    ),
    doc: "Copies a record into a ring buffer.",
    kinds: kinds::ALL,
    call: entry!(output),
};

pub const RESERVE: Helper<'static> = Helper {
    id: 131,
    name: "ringbuf_reserve",
    prototype: Prototype::new(
        &[RING, Argument::Constant, Argument::Anything],
        Returned::RecordOrNull(2),
    ),
    doc: "Room for a record of so many bytes, or null; to be submitted or discarded. Flags are 0.",
    kinds: kinds::ALL,
    call: entry!(reserve),
};

pub const SUBMIT: Helper<'static> = Helper {
    id: 132,
    name: "ringbuf_submit",
    prototype: Prototype::new(&[Argument::Record, Argument::Anything], Returned::Nothing),
    doc: "Has a record be read.",
    kinds: kinds::ALL,
    call: entry!(submit),
};

pub const DISCARD: Helper<'static> = Helper {
    id: 133,
    name: "ringbuf_discard",
    prototype: Prototype::new(&[Argument::Record, Argument::Anything], Returned::Nothing),
    doc: "Gives a record back unread.",
    kinds: kinds::ALL,
    call: entry!(discard),
};

pub const QUERY: Helper<'static> = Helper {
    id: 134,
    name: "ringbuf_query",
    prototype: Prototype::new(&[RING, Argument::Anything], Returned::Number),
    doc: "Of a ring buffer: 0 bytes to be read, 1 its size, 2 bytes ever read, 3 bytes ever written.",
    kinds: kinds::ALL,
    call: entry!(query),
};

/// Tells the host that there is something to read.
fn wake(run: &Run<'_>, map: &Map, flags: u64) {
    if flags & NO_WAKEUP == 0 {
        run.host.ring(map);
    }
}

fn output(a: Arguments<'_, '_>) -> Result {
    let map = a.map::<1>();
    let ring = map.ring().ok_or(Errno::Invalid)?;
    let flags = a.number::<4>();
    if flags & !(NO_WAKEUP | FORCE_WAKEUP) != 0 {
        return Err(Errno::Invalid);
    }
    if !ring.output(a.read::<2>(a.number::<3>()), a.run.host.core()) {
        return Err(Errno::NoSpace);
    }
    wake(a.run, map, flags);
    Ok(0)
}

fn reserve(a: Arguments<'_, '_>) -> Result {
    let (len, flags) = (a.number::<2>(), a.number::<3>());
    let ring = a.map::<1>().ring().filter(|_| len != 0 && flags == 0);
    let address = ring.and_then(|ring| ring.reserve(len, a.run.host.core()));
    Ok(address.unwrap_or(0))
}

fn submit(a: Arguments<'_, '_>) -> Result {
    Ok(commit(&a, false))
}

fn discard(a: Arguments<'_, '_>) -> Result {
    Ok(commit(&a, true))
}

fn commit(a: &Arguments<'_, '_>, discard: bool) -> u64 {
    let address = a.number::<1>();
    // A record does not say whose it is: its address does.
    let mut maps = a.run.program.maps.iter();
    let map = maps.find(|map| map.ring().is_some_and(|ring| ring.holds(address)));
    if let Some((map, ring)) = map.and_then(|map| Some((map, map.ring()?)))
        && ring.commit(address, discard)
    {
        wake(a.run, map, a.number::<2>());
    }
    0
}

fn query(a: Arguments<'_, '_>) -> Result {
    let ring = a.map::<1>().ring().ok_or(Errno::Invalid)?;
    Ok(match a.number::<2>() {
        0 => ring.available(),
        1 => ring.size(),
        2 => ring.consumed(),
        3 => ring.produced_bytes(),
        _ => 0,
    })
}
