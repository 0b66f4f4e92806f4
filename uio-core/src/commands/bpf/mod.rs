//! `bpf SUBCOMMAND …`: eBPF programs, what they are attached to, and their maps.
//!
//! Each subcommand is a file of its own, and opens with its usage. Programs, maps and links are named by their numbers
//! or by their names; a link has the name of its program.
//!
//! ```text
//! $ uio exec web -- bpf list
//! ID  NAME     TYPE    INSNS  CODE         LINKS  TARGET
//!  1  counter  fentry     13  interpreted      1  web::respond
//! ```

#[cfg(feature = "bpf")]
mod answer;
#[cfg(feature = "bpf")]
mod attach;
#[cfg(feature = "bpf")]
mod call;
#[cfg(feature = "bpf")]
mod detach;
#[cfg(feature = "bpf")]
mod execute;
#[cfg(feature = "bpf")]
mod input;
#[cfg(feature = "bpf")]
mod line;
#[cfg(feature = "bpf")]
mod links;
#[cfg(feature = "bpf")]
mod list;
#[cfg(feature = "bpf")]
mod load;
#[cfg(feature = "bpf")]
mod log;
#[cfg(feature = "bpf")]
mod map;
#[cfg(feature = "bpf")]
mod native;
#[cfg(feature = "bpf")]
mod place;
#[cfg(feature = "bpf")]
mod ring;
#[cfg(feature = "bpf")]
mod run;
#[cfg(feature = "bpf")]
mod spec;
#[cfg(feature = "bpf")]
mod swap;
#[cfg(feature = "bpf")]
mod unload;

use uio_console::record::Failure;

use crate::command::{Command, Context, FAILED, Kind, Outcome};

/// The kernel's feature that this command is of.
const FEATURE: &str = "uio-bpf";

pub(super) static COMMAND: Command = Command {
    name: "bpf",
    kind: if cfg!(feature = "bpf") {
        Kind::Worker
    } else {
        Kind::Inline
    },
    run,
};

#[cfg(feature = "bpf")]
use call::run;

#[cfg(not(feature = "bpf"))]
fn run(cx: &mut Context<'_>) -> Outcome {
    no_feature(cx)
}

/// Says that the kernel has no eBPF.
fn no_feature(cx: &mut Context<'_>) -> Outcome {
    cx.failure(&Failure::NoFeature { feature: FEATURE })?;
    Ok(FAILED)
}
