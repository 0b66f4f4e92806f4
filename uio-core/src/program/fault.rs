//! The report of a fault: registers, the way that led to it, and what it was. It never fails for
//! want of names: what has none is told by its address.

use alloc::vec::Vec;

use uio_console::record::{Failure, Frame, Owner, Record};

use super::lookup::{self, Lookup};
use super::registry::Program;
use super::trace::Trace;
use crate::command::{Context, Stop};
use crate::isolation::Fault;

/// The most return addresses that are told on either side of a call.
const MOST: usize = 32;

/// A place in the code, whatever lies there.
#[derive(Clone, Copy)]
struct Place {
    address: u64,
    /// It is what a call returns to. The call itself is before it, and may be the last instruction
    /// of its function.
    returns: bool,
    caller: bool,
}

impl Place {
    /// An address of the instruction itself.
    fn inside(&self) -> u64 {
        self.address.saturating_sub(self.returns.into())
    }
}

/// Tells of the fault that ended a program.
///
/// # Errors
/// [`Stop`]
#[inline(never)]
pub fn report(cx: &mut Context<'_>, program: &Program, fault: &Fault) -> Result<(), Stop> {
    if let Some(general) = fault.registers.first_chunk() {
        cx.record(&Record::Registers {
            general: *general,
            flags: fault.flags,
        })?;
    }
    let mut lookup = Lookup::new();
    let told = frames(cx, &mut lookup, program, &places(fault));
    lookup.keep(cx);
    told?;
    cx.failure(&Failure::Fault {
        vector: fault.vector,
        code: fault.code,
        instruction: fault.instruction,
        access: fault.access,
        in_call: fault.in_call,
    })
}

/// The places to tell of, the innermost first; none without memory.
fn places(fault: &Fault) -> Vec<Place> {
    let mut places = Vec::new();
    if places.try_reserve_exact(1 + 2 * MOST).is_err() {
        return places;
    }
    places.push(Place {
        address: fault.instruction,
        returns: false,
        caller: false,
    });
    for (frames, caller) in [(&fault.frames, false), (&fault.caller, true)] {
        places.extend(frames.iter().take(MOST).map(|&address| Place {
            address,
            returns: true,
            caller,
        }));
    }
    places
}

fn frames(
    cx: &mut Context<'_>,
    lookup: &mut Lookup,
    program: &Program,
    places: &[Place],
) -> Result<(), Stop> {
    let base = program.image.region.base();
    let size = program.image.size as u64;
    let mut inside = Vec::new();
    if inside.try_reserve_exact(places.len()).is_ok() {
        inside.extend(places.iter().map(|place| place.inside().wrapping_sub(base)));
    }
    let mut trace = Trace::new(cx, program, &inside);
    let image = cx.system().image();
    for (index, place) in places.iter().enumerate() {
        let outermost = places
            .get(index + 1)
            .is_none_or(|next| next.caller != place.caller);
        let Place {
            address, caller, ..
        } = *place;
        let mut frame = Frame {
            address,
            name: &[],
            offset: 0,
            owner: Owner::Nobody,
            caller,
        };
        if place.inside().wrapping_sub(base) < size {
            frame.owner = Owner::Program;
            frame.offset = address - base;
            let function = trace.as_mut().and_then(|trace| trace.name(index));
            if let Some((name, start)) = function {
                frame.name = name;
                frame.offset -= start;
            }
        } else if place.inside().wrapping_sub(image.base) < image.size {
            frame.owner = Owner::Image;
            frame.offset = address - image.base;
            let told = lookup::covering(cx, lookup, place.inside(), &mut |cx, symbol| {
                cx.record(&Record::Frame(Frame {
                    name: symbol.name,
                    offset: address - symbol.address,
                    ..frame
                }))
            })?;
            if told {
                continue;
            }
        }
        // What calls a program, and what a call comes back through, is of no interest.
        if !(outermost && place.returns && frame.owner == Owner::Nobody) {
            cx.record(&Record::Frame(frame))?;
        }
    }
    Ok(())
}
