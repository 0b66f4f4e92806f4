//! `addr ADDRESS…`: the symbol of the image that covers an address (decimal, or hexadecimal after
//! `0x`), and how far behind its start the address lies.
//!
//! ```text
//! $ uio exec web -- addr 0x213e52
//! 0x213e40+0x12  812  function  _ZN3web7respond17h0c5d3f2a11d7be1eE
//! ```

use uio_console::record::UsageProblem;

use crate::command::{Call, Command, Context, Kind, Outcome, Trouble, number};
use crate::program::index_of;
use crate::program::lookup::{self, Question};

pub(super) static COMMAND: Command = Command {
    name: "addr",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(b"", None, one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    match number(call.given) {
        Some(address) => lookup::answer(cx, Question::Address(address)),
        None => {
            let arg = index_of(cx, call.given);
            let status = cx.usage(arg, UsageProblem::NotANumber)?;
            Err(Trouble::Status(status))
        }
    }
}
