//! `sym NAME…`: address, size and kind of symbols of the image, by name or by Rust path (without the
//! hash at its end).
//!
//! ```text
//! $ uio exec web -- sym REQUESTS web::respond
//! 0x2f41a8  8    object    REQUESTS
//! 0x213e40  812  function  _ZN3web7respond17h0c5d3f2a11d7be1eE
//! ```

use uio_console::record::{Record, UsageProblem};

use crate::command::{Command, Context, Kind, Options, Outcome};
use crate::program::lookup::{self, Lookup, Question};

/// Options that are taken.
const OPTIONS: &[u8] = b"";

pub(super) static COMMAND: Command = Command {
    name: "sym",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let mut lookup = Lookup::new();
    let mut status = None;
    for (operand, _) in Options::operands(argv, OPTIONS) {
        let one = lookup::ask(
            cx,
            &mut lookup,
            Question::Name(operand),
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
