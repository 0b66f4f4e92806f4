//! Asking a guest about eBPF: a request with its input, and the answers.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use uio_bpf::wire::{self, Trouble};
use uio_console::FromGuest;
use uio_console::record::{Failure, Record};

use crate::client::Client;
use crate::client::drive::{Drive, Ending, Input, drive};
use crate::error::{Error, Result};
use crate::render::failure;

/// How long the guest has for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A guest that is asked.
pub struct Guest<'a> {
    client: &'a mut Client,
    refused: Option<u64>,
}

impl<'a> Guest<'a> {
    /// Asks over this client.
    #[must_use]
    pub fn new(client: &'a mut Client) -> Self {
        Self {
            client,
            refused: None,
        }
    }

    /// The function, by its offset, at which the last command could not attach anything.
    #[must_use]
    pub fn refused(&self) -> Option<u64> {
        self.refused
    }

    /// Runs a command with that input; calls `each` with every answer about eBPF.
    ///
    /// # Errors
    /// [`Error::Failed`] with the guest's words when the command fails; those of [`drive`].
    pub fn ask(
        &mut self,
        words: &[&str],
        input: &[u8],
        each: &mut dyn FnMut(&wire::Answer<'_>),
    ) -> Result<()> {
        let mut stdin = file(input)?;
        let with = Drive {
            stdin: Some(&mut stdin as &mut dyn Input),
            interrupts: None,
            timeout: Some(ANSWER_TIME),
            announce: false,
        };
        match self.drive(words, with, each)? {
            Ending::Status(_) => Ok(()),
            Ending::Interrupted(_) | Ending::TimedOut => Err(Error::Failed(format!(
                "{}: no answer within {} s",
                words.join(" "),
                ANSWER_TIME.as_secs()
            ))),
        }
    }

    /// Follows a command that goes on until it is interrupted, at the latest after `time`.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn follow(
        &mut self,
        words: &[&str],
        time: Option<Duration>,
        interrupts: &mut UnixStream,
        each: &mut dyn FnMut(&wire::Answer<'_>),
    ) -> Result<()> {
        let with = Drive {
            stdin: None,
            interrupts: Some(interrupts),
            timeout: time,
            announce: false,
        };
        self.drive(words, with, each).map(|_| ())
    }

    fn drive(
        &mut self,
        words: &[&str],
        with: Drive<'_>,
        each: &mut dyn FnMut(&wire::Answer<'_>),
    ) -> Result<Ending> {
        let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let (mut trouble, mut refused) = (None, None);
        let ending = drive(self.client, &argv, with, &mut |message| {
            match message {
                FromGuest::Record {
                    record: Record::Bpf(data),
                    ..
                } => {
                    if let Ok(answer) = postcard::from_bytes(data) {
                        each(&answer);
                    }
                }
                FromGuest::Failure { failure, .. } => {
                    trouble.get_or_insert_with(|| failure::words(&argv, failure));
                    if let Failure::Bpf { data, .. } = failure
                        && let Ok(Trouble::NoSite { at } | Trouble::Handler { at }) =
                            postcard::from_bytes(data)
                    {
                        refused = Some(at);
                    }
                }
                _ => {}
            }
            true
        })?;
        self.refused = refused;
        match (ending, trouble) {
            (Ending::Status(status), Some(words)) if status != 0 => Err(Error::Failed(words)),
            (Ending::Status(status), None) if status != 0 => Err(Error::Failed(format!(
                "{} ended with status {status}",
                words.join(" ")
            ))),
            _ => Ok(ending),
        }
    }
}

/// A file in memory, to be read from its start.
///
/// # Errors
/// [`Error::Io`]
pub(crate) fn file(bytes: &[u8]) -> Result<File> {
    let make = || -> std::io::Result<File> {
        let mut file = File::from(memfd_create("uio-input", MemfdFlags::CLOEXEC)?);
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file)
    };
    make().map_err(|e| Error::io("make a file in memory", e))
}
