//! `cat [FILE…]`: the bytes of files, as they are; of standard input without a file or for `-`.
//!
//! ```text
//! $ uio exec web -- cat /var/log/access.log
//! 10.0.2.2 GET / 200 612
//! ```

use crate::command::{
    Call, Command, Context, FIRST_READ, Kind, Outcome, READ, Trouble, buffer, copy_buffer,
};

pub(super) static COMMAND: Command = Command {
    name: "cat",
    kind: Kind::Worker,
    run,
};

fn run(cx: &mut Context<'_>) -> Outcome {
    cx.each(b"", Some(b"-"), one)
}

fn one(cx: &mut Context<'_>, call: Call<'_>) -> Result<(), Trouble> {
    let mut file = match call.given {
        b"-" => None,
        path => Some(cx.files().open(&cx.absolute(path)?, READ)?),
    };
    let mut bytes = buffer(FIRST_READ)?;
    let mut offset = 0;
    loop {
        let len = match &mut file {
            None => cx.stdin(&mut bytes)?,
            Some(file) => file.read_at(offset, &mut bytes)?,
        };
        if len == 0 {
            return Ok(());
        }
        let data = bytes.get(..len).unwrap_or(&bytes);
        cx.stdout(data)?;
        offset += data.len() as u64;
        // A long file is read in larger pieces, if there is memory for them.
        if len == FIRST_READ
            && bytes.len() == FIRST_READ
            && let Ok(larger) = copy_buffer()
        {
            bytes = larger;
        }
    }
}
