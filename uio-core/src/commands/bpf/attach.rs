//! `bpf attach [--budget INSTRUCTIONS] PROGRAM [TARGET…]`: attaches a program to functions (by name, `+OFFSET` in the image, or `-`
//! for offsets of 4 bytes each on standard input), to a probe by its name, or to an interval (`10ms`, `99hz`), as
//! its type wants it. Without a TARGET, to what its section names. With `--breakpoints` and `-`, each offset is followed by
//! a byte, the length of the instruction there, and functions need no site.

use super::call::Call;
use super::links;
use crate::command::Stop;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let found = call.program(call.word(0))?;
    let budget = call.budget()?;
    let spot = call.spot(found.program.kind, &found.section)?;
    let link = call.attach(&found.program, &spot, budget)?;
    links::tell(call, link)
}
