//! `bpf attach [--budget INSTRUCTIONS] PROGRAM [TARGET…]`: attaches a program to functions (by name, `+OFFSET` in the image, or `-`
//! for offsets of 4 bytes each on standard input), to a probe by its name, or to an interval (`10ms`, `99hz`), as
//! its type wants it. Without a TARGET, to what its section names. With `--breakpoints` and `-`, each offset is followed by
//! a byte, the length of the instruction there, and functions need no site.

use alloc::string::String;
use alloc::sync::Arc;

use uio_bpf::wire::What;

use super::call::{Call, program};
use super::links;
use crate::command::Stop;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let word = call.word(0);
    let found = call.with(|runtime| {
        let loaded = program(runtime, word.bytes)?;
        Some((Arc::clone(&loaded.program), String::from(&*loaded.target)))
    })?;
    // Who holds a program keeps it loaded.
    let Some((program, section)) = found else {
        return Err(call.none(word, What::Program));
    };
    let budget = call.budget()?;
    let spot = call.spot(program.kind, &section)?;
    let link = call.attach(&program, &spot, budget)?;
    links::tell(call, link)
}
