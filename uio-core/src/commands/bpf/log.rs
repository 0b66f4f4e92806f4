//! `bpf log [--follow]`: what programs printed, as far as there was room for it; `--follow` goes on with what comes.

use uio_bpf::wire::{Answer, Trouble};
use uio_console::record::NO_ARG;

use super::answer::answer;
use super::call::Call;
use super::line::option;
use crate::command::{PIECE, Stop, buffer};

/// How often `--follow` looks for new lines.
const LOOK_MS: u64 = 50;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let Ok(mut bytes) = buffer(PIECE) else {
        return Err(call.trouble(NO_ARG, &Trouble::Memory));
    };
    let mut next = 0;
    loop {
        let (len, from) = call.tracing.printed(next, &mut bytes);
        next = from + len as u64;
        let lines = bytes.get(..len).unwrap_or_default();
        if !lines.is_empty() {
            answer(call.cx, &Answer::Lines(lines))?;
        } else if call.line.has(option::FOLLOW) {
            call.cx.sleep_ms(LOOK_MS)?;
        } else {
            return Ok(());
        }
    }
}
