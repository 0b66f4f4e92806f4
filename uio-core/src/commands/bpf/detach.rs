//! `bpf detach LINK…`: when this has ended, the programs do not run there any more. A name means all links of the
//! program of that name.

use uio_console::Policy;

use super::call::Call;
use super::links;
use super::place::decides;
use crate::command::Stop;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    for number in 0..call.line.count {
        let word = call.word(number);
        let found = links::named(call.tracing, word.bytes);
        if found.is_empty() {
            return Err(links::none(call, word));
        }
        all(call, word.arg, &found)?;
    }
    Ok(())
}

/// Detaches these links, if the session may.
pub(super) fn all(call: &mut Call<'_, '_>, arg: u8, found: &[u32]) -> Result<(), Stop> {
    let mut deciding = false;
    let tracing = call.tracing;
    tracing.links(&mut |link| deciding |= found.contains(&link.id) && decides(tracing, link.to));
    if deciding {
        call.need(arg, Policy::Control)?;
    }
    for &link in found {
        call.tracing.detach(link);
    }
    Ok(())
}
