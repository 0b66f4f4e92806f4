//! Records from a list that must not wait: the kernel's tasks and its log are walked with their
//! owner's lock held, so what is found there is first encoded into a buffer and sent afterwards.

use uio_console::record::Record;
use uio_console::wire::{variant, write};

use super::{Context, Outcome, Stop, buffer};

/// Bytes of records that are gathered before they are sent.
const BATCH: usize = 4096;

/// Takes a record; false when there is no room for it until the batch was sent.
pub(crate) type Add<'a> = dyn FnMut(&Record<'_>) -> bool + 'a;

/// Sends all records of a list. `list` is called with how many were sent before, and hands the
/// following ones to its second argument until that returns false.
pub(crate) fn send_all(cx: &mut Context<'_>, list: &mut dyn FnMut(usize, &mut Add<'_>)) -> Outcome {
    let job = cx.job()?;
    let Ok(mut bytes) = buffer(BATCH) else {
        return cx.no_memory(BATCH as u64);
    };
    let mut sent = 0;
    loop {
        let id = job.id().ok_or(Stop::Interrupted)?;
        let (mut used, mut count, mut full) = (0, 0, false);
        list(sent, &mut |record| {
            let encoded = match bytes.get_mut(used + 2..) {
                Some(room) => write(variant::RECORD, Some(id), record, room).ok(),
                None => None,
            };
            match (encoded, bytes.get_mut(used..used + 2)) {
                (Some(len), Some(prefix)) => {
                    prefix.copy_from_slice(&(len as u16).to_le_bytes());
                    used += 2 + len;
                    count += 1;
                }
                _ => full = true,
            }
            !full
        });
        let mut rest = bytes.get(..used).unwrap_or_default();
        while let Some((prefix, tail)) = rest.split_first_chunk() {
            let (payload, tail) = tail.split_at(tail.len().min(u16::from_le_bytes(*prefix).into()));
            job.send_encoded(payload)?;
            rest = tail;
        }
        if !full {
            return Ok(0);
        }
        // A record that alone exceeds the batch is passed over.
        sent += count.max(1);
    }
}
