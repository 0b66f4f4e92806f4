//! `bpf swap [--budget INSTRUCTIONS] LINK PROGRAM`: puts a program in the place of the one of a link. The new one is there
//! before the old one goes, so that at no time neither is.

use uio_bpf::wire::Trouble;
use uio_console::Policy;

use super::call::Call;
use super::links;
use super::place::{Spot, decides};
use crate::command::Stop;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let (old, new) = (call.word(0), call.word(1));
    let program = call.program(new)?.program;
    let mut links_there = 0;
    let mut place = None;
    call.tracing.links(&mut |link| {
        if links::is(link, old.bytes) {
            links_there += 1;
            place = Some((link.id, link.program.kind, Spot::of(link.to)));
        }
    });
    let Some((link, kind, spot)) = place else {
        return Err(links::none(call, old));
    };
    if links_there > 1 {
        // A name that several have: which is meant?
        return Err(call.trouble(old.arg, &Trouble::InUse));
    }
    if kind != program.kind {
        return Err(call.trouble(new.arg, &Trouble::Kind(program.kind)));
    }
    let budget = call.budget()?;
    if decides(call.tracing, spot.point()) {
        call.need(old.arg, Policy::Control)?;
    }
    let new = call.attach(&program, &spot, budget)?;
    call.tracing.detach(link);
    links::tell(call, new)
}
