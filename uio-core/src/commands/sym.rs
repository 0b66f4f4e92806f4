//! `sym NAME…`: address, size and kind of symbols of the image, by name or by Rust path (without the
//! hash at its end).
//!
//! ```text
//! $ uio exec web -- sym REQUESTS web::respond
//! 0x2f41a8  8    object    REQUESTS
//! 0x213e40  812  function  _ZN3web7respond17h0c5d3f2a11d7be1eE
//! ```

use crate::command::{Call, Command, Context, Kind, Outcome, Trouble};
use crate::program::lookup::{self, Question};

pub(super) static COMMAND: Command = Command {
    name: "sym",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(b"", None, one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    lookup::answer(cx, Question::Name(call.given))
}
