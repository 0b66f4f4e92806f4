//! `cat [FILE…]`: the bytes of files, as they are; of standard input without a file or for `-`.
//!
//! ```text
//! $ uio exec web -- cat /var/log/access.log
//! 10.0.2.2 GET / 200 612
//! ```

use alloc::vec::Vec;

use crate::command::transfer::Trouble;
use crate::command::{
    Command, Context, FAILED, Kind, Options, Outcome, Stop, absolute, buffer, copy_buffer,
};
use crate::files::Open;

/// Bytes of the first read; most files are not longer.
const FIRST: usize = 4096;

/// Options that are taken.
const OPTIONS: &[u8] = b"";

pub(super) static COMMAND: Command = Command {
    name: "cat",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let argv = cx.argv();
    cx.check_options(OPTIONS)?;
    let Some(mut bytes) = buffer(FIRST) else {
        return cx.no_memory(FIRST as u64);
    };
    let mut status = 0;
    let mut any = false;
    for (path, index) in Options::operands(argv, OPTIONS) {
        any = true;
        if path == b"-" {
            input(cx, &mut bytes)?;
            continue;
        }
        match file(cx, path, &mut bytes) {
            Ok(()) => {}
            Err(Trouble::Stop(stop)) => return Err(stop),
            Err(Trouble::Source(error) | Trouble::Target(error)) => {
                cx.file_failure(index, error)?;
                status = FAILED;
            }
        }
    }
    if !any {
        input(cx, &mut bytes)?;
    }
    Ok(status)
}

fn input(cx: &mut Context<'_>, bytes: &mut [u8]) -> Result<(), Stop> {
    loop {
        let len = cx.stdin(bytes)?;
        if len == 0 {
            return Ok(());
        }
        cx.stdout(bytes.get(..len).unwrap_or_default())?;
    }
}

fn file(cx: &mut Context<'_>, path: &[u8], bytes: &mut Vec<u8>) -> Result<(), Trouble> {
    let files = cx.files();
    let how = Open {
        read: true,
        ..Open::default()
    };
    let path = absolute(files, path).map_err(Trouble::Source)?;
    let mut file = files.open(&path, how).map_err(Trouble::Source)?;
    let mut offset = 0;
    loop {
        let len = file.read_at(offset, bytes).map_err(Trouble::Source)?;
        if len == 0 {
            return Ok(());
        }
        let data = bytes.get(..len).unwrap_or(bytes);
        cx.stdout(data)?;
        offset += data.len() as u64;
        // A long file is read in larger pieces, if there is memory for them.
        if data.len() == FIRST
            && bytes.len() == FIRST
            && let Some(larger) = copy_buffer()
        {
            *bytes = larger;
        }
    }
}
