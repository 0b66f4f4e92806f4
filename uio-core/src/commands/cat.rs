//! `cat [FILE…]`: the bytes of files, as they are; of standard input without a file or for `-`.
//!
//! ```text
//! $ uio exec web -- cat /var/log/access.log
//! 10.0.2.2 GET / 200 612
//! ```

use crate::command::{
    Command, Context, FAILED, Kind, Options, Outcome, Stop, absolute, copy_buffer,
};
use crate::files::{Error, Open};

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
    let Some(mut bytes) = copy_buffer() else {
        return cx.no_memory(4096);
    };
    let mut status = 0;
    let mut any = false;
    for (path, index) in Options::operands(argv, OPTIONS) {
        any = true;
        if path == b"-" {
            input(cx, &mut bytes)?;
        } else if let Err(error) = file(cx, path, &mut bytes)? {
            cx.file_failure(index, error)?;
            status = FAILED;
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

fn file(cx: &mut Context<'_>, path: &[u8], bytes: &mut [u8]) -> Result<Result<(), Error>, Stop> {
    let files = cx.files();
    let how = Open {
        read: true,
        ..Open::default()
    };
    let opened = absolute(files, path).and_then(|path| files.open(&path, how));
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let mut offset = 0;
    loop {
        let len = match file.read_at(offset, bytes) {
            Ok(0) => return Ok(Ok(())),
            Ok(len) => len.min(bytes.len()),
            Err(error) => return Ok(Err(error)),
        };
        cx.stdout(bytes.get(..len).unwrap_or_default())?;
        offset += len as u64;
    }
}
