//! `addr ADDRESS…`: the symbol of the image that covers an address (decimal, or hexadecimal after
//! `0x`), and how far behind its start the address lies.
//!
//! ```text
//! $ uio exec web -- addr 0x213e52
//! 0x213e40+0x12  812  function  _ZN3web7respond17h0c5d3f2a11d7be1eE
//! ```

use crate::command::{Command, Context, Kind, Outcome, number};
use crate::program::lookup::{self, Question};

pub(super) static COMMAND: Command = Command {
    name: "addr",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    lookup::answer(cx, |address| number(address).map(Question::Address))
}
