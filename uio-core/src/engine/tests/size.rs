use crate::fake::FakePlatform;
use crate::{Engine, Receiver};

/// What an idle overlay holds besides the stacks of its tasks: everything else is allocated when
/// it is needed, and freed with the request or the worker that needed it.
#[test]
fn an_idle_overlay_is_small() {
    let held = size_of::<Engine<FakePlatform>>() + size_of::<Receiver>();
    assert!(held <= 12 << 10, "{held} bytes");
}
