//! `bpf spec`: what programs may be, see and call in this image, as one postcard record in pieces.

use alloc::vec::Vec;

use uio_bpf::spec::{Field, FieldKind, Probe, spec};
use uio_bpf::wire::{Answer, Trouble};
use uio_console::record::NO_ARG;

use super::answer::{answer, encode};
use super::call::Call;
use crate::bpf::FieldInfo;
use crate::command::{PIECE, Stop, buffer};

/// Bytes that are tried first, and the most.
const ROOM: (usize, usize) = (16 << 10, 1 << 20);

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let mut probes = Vec::new();
    call.tracing.probes(&mut |probe| {
        probes.push(Probe {
            name: probe.name,
            size: probe.size,
            decides: probe.decides,
            fields: probe.fields.iter().map(field).collect(),
        });
    });
    let limit = call.with(|runtime| runtime.limit())?;
    let spec = spec(
        &call.tracing.helpers(),
        probes,
        limit,
        call.tracing.host().cores(),
    );
    let (mut room, most) = ROOM;
    while room <= most {
        let Ok(mut bytes) = buffer(room) else {
            break;
        };
        if let Some(len) = encode(&spec, &mut bytes) {
            let whole = bytes.get(..len).unwrap_or_default();
            return whole
                .chunks(PIECE)
                .try_for_each(|piece| answer(call.cx, &Answer::Spec(piece)));
        }
        room *= 2;
    }
    Err(call.trouble(NO_ARG, &Trouble::Memory))
}

fn field(info: &FieldInfo) -> Field<'static> {
    Field {
        name: info.name,
        offset: info.offset,
        size: info.size,
        count: 1,
        kind: match info.kind {
            0 => FieldKind::Unsigned,
            1 => FieldKind::Signed,
            _ => FieldKind::Bytes,
        },
    }
}
