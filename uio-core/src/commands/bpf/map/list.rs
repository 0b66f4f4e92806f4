//! `bpf map list`: the maps that there are. `bpf map show MAP`: one of them, with what keys and values are made of.

use uio_bpf::wire::Answer;

use super::super::answer::Batch;
use super::super::call::Call;
use super::{introduce, told};
use crate::command::Stop;

pub(in super::super) fn list(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let mut batch = Batch::new();
    call.with(|runtime| {
        for loaded in runtime.maps() {
            batch.add(&Answer::Map(told(loaded.id, &loaded.map)));
        }
    })?;
    batch.send(call.cx)
}

pub(in super::super) fn show(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    introduce(call).map(|_| ())
}
