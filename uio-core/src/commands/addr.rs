//! `addr ADDRESS…`: the symbol of the image that covers an address (decimal, or hexadecimal after
//! `0x`), and how far behind its start the address lies.
//!
//! ```text
//! $ uio exec web -- addr 0x213e52
//! 0x213e40+0x12  812  function  _ZN3web7respond17h0c5d3f2a11d7be1eE
//! ```

use uio_console::record::{Record, UsageProblem};

use crate::command::{Command, Context, Kind, Options, Outcome, number};
use crate::program::lookup::{self, Lookup, Question};

/// Options that are taken.
const OPTIONS: &[u8] = b"";

pub(super) static COMMAND: Command = Command {
    name: "addr",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let mut lookup = Lookup::new();
    let mut status = None;
    for (operand, index) in Options::operands(argv, OPTIONS) {
        let Some(address) = number(operand) else {
            return cx.usage(index, UsageProblem::NotANumber);
        };
        let one = lookup::ask(
            cx,
            &mut lookup,
            Question::Address(address),
            &mut |cx, symbol| cx.record(&Record::Symbol(*symbol)),
        )?;
        status = Some(status.unwrap_or(0).max(one));
    }
    lookup.keep(cx);
    match status {
        Some(status) => Ok(status),
        None => cx.usage(0, UsageProblem::Missing),
    }
}
