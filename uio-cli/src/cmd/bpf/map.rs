//! `uio bpf map`: maps of the programs that are loaded.

use clap::{Args, Subcommand};

use super::guest::{Vm, run as ask};
use super::values::typed;
use crate::error::Result;
use crate::render::Format;

/// `uio bpf map`
#[derive(Debug, Args)]
pub struct MapArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// What to do.
    #[command(subcommand)]
    pub command: MapCommand,
}

/// The subcommands of `uio bpf map`. Maps are given by name or number.
#[derive(Debug, Subcommand)]
pub enum MapCommand {
    /// List the maps.
    List,
    /// Show a map, and what its keys and values are.
    Show {
        /// The map.
        map: String,
    },
    /// Show all entries.
    Dump {
        /// The map.
        map: String,
    },
    /// Show one entry.
    Get {
        /// The map.
        map: String,
        /// A number, x:BYTES in hexadecimal, or JSON as `dump` prints it.
        #[arg(allow_hyphen_values = true)]
        key: String,
    },
    /// Make or change an entry.
    Set {
        /// The map.
        map: String,
        /// A number, x:BYTES in hexadecimal, or JSON as `dump` prints it.
        #[arg(allow_hyphen_values = true)]
        key: String,
        /// The same; of a program array, a program; `-` reads bytes from standard input.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take an entry away.
    Delete {
        /// The map.
        map: String,
        /// A number, x:BYTES in hexadecimal, or JSON as `dump` prints it.
        #[arg(allow_hyphen_values = true)]
        key: String,
    },
}

/// Asks for it.
///
/// # Errors
/// [`crate::error::Error::Usage`] when a key or value is not what the map has.
pub fn run(args: &MapArgs, format: Format) -> Result<u8> {
    let words: Vec<&str> = match &args.command {
        MapCommand::List => vec!["list"],
        MapCommand::Show { map } => vec!["show", map],
        MapCommand::Dump { map } => vec!["dump", map],
        MapCommand::Get { map, key } => vec!["get", map, key],
        MapCommand::Set { map, key, value } => vec!["set", map, key, value],
        MapCommand::Delete { map, key } => vec!["delete", map, key],
    };
    let words: Vec<String> = ["bpf", "map"]
        .into_iter()
        .chain(words)
        .map(str::to_owned)
        .collect();
    ask(&args.vm, format, |asked| typed(asked, &words))
}
