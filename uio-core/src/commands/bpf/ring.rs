//! `bpf ring [--follow] MAP`: takes the records out of a ring buffer; `--follow` goes on with those that come.

use uio_bpf::map::{Record, Ring};
use uio_bpf::wire::{Answer, Trouble};

use super::answer::{answer, first, more};
use super::call::Call;
use super::line::option;
use super::map::introduce;
use crate::command::{PIECE, Stop, buffer};

/// How often `--follow` looks for new records.
const LOOK_MS: u64 = 50;

/// Bytes of the length before each record.
const LENGTH: usize = 4;

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let arg = call.word(0).arg;
    let map = introduce(call)?;
    let Some(ring) = map.ring() else {
        return Err(call.trouble(arg, &Trouble::Map(uio_bpf::errno::Errno::NotSupported as i32)));
    };
    let mut room = PIECE;
    let mut lost = 0;
    loop {
        let Ok(mut bytes) = buffer(room) else {
            return Err(call.trouble(arg, &Trouble::Memory));
        };
        // Who has the runtime is the only one who reads.
        let (used, longer) = call.with(|_| take(ring, &mut bytes))?;
        if used != 0 {
            let (start, rest) = first(bytes.get(..used).unwrap_or_default());
            answer(call.cx, &Answer::Records(start))?;
            more(call.cx, rest)?;
        }
        if ring.lost() != lost {
            lost = ring.lost();
            answer(call.cx, &Answer::Lost(lost.into()))?;
        }
        match longer {
            Some(len) => room = room.max(len),
            None if call.line.has(option::FOLLOW) => call.cx.sleep_ms(LOOK_MS)?,
            None => return Ok(()),
        }
    }
}

/// Takes records, each behind its length. How many bytes that are, and the room that the next one needs if there is one.
fn take(ring: &Ring, out: &mut [u8]) -> (usize, Option<usize>) {
    let mut used = 0;
    while let Some(place) = out.get_mut(used..)
        && let Some((prefix, place)) = place.split_first_chunk_mut::<LENGTH>()
    {
        match ring.read(place) {
            Record::Read(len) => {
                *prefix = (len as u32).to_le_bytes();
                used += LENGTH + len;
            }
            Record::TooLong(len) => return (used, Some(LENGTH + len)),
            Record::None => return (used, None),
        }
    }
    (used, Some(LENGTH))
}
