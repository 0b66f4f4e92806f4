//! `policy [observe|control|full]`: what programs may do to the application in this session, or
//! lowers it. The machine's own policy was fixed when it started; nothing raises either.
//!
//! ```text
//! $ uio exec --policy observe web -- policy
//! machine  control
//! session  observe
//! ```

use uio_console::Policy;
use uio_console::record::{Failure, Record, UsageProblem};

use crate::command::{Command, Context, FAILED, Kind, Outcome};

// A session is its host's: the host takes note of the answer, and asks for no more from then on.
pub(super) static COMMAND: Command = Command {
    name: "policy",
    kind: Kind::Inline,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.options(b"", 0, 1)?;
    let in_force = cx.policy();
    let session = match cx.arg(1).map(Policy::from_name) {
        None => in_force,
        Some(Some(lower)) if lower <= in_force => lower,
        Some(Some(_)) => {
            cx.failure(&Failure::NotRaised { policy: in_force })?;
            return Ok(FAILED);
        }
        Some(None) => return cx.usage(1, UsageProblem::UnknownWord),
    };
    cx.record(&Record::Policy {
        machine: cx.isolation().policy(),
        session,
    })?;
    Ok(0)
}
