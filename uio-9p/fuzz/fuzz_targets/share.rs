//! The contract: whatever comes instead of replies, no call panics, and afterwards the share works and no slot is held.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use uio_9p::error::Error;
use uio_9p::fake::{Carrier, Fault};
use uio_9p::fs::{Follow, Mount, Options};
use uio_9p::types::flags::{O_CREAT, O_RDWR};

fn use_share(mount: &Mount) -> Result<(), Error> {
    mount.statfs()?;
    mount.stat(b"d/l", Follow::Yes)?;
    mount.readdir(b"d", &mut |_| Ok(()))?;
    let file = mount.open(b"d/f", O_RDWR | O_CREAT, 0o600)?;
    file.write_at(&[7; 30_000], 3)?;
    file.read_at(&mut [0; 40_000], 0)?;
    mount.rename(b"d/f", b"d/g")
}

fuzz_target!(|bytes: &[u8]| {
    let carrier = Arc::new(Carrier::new(8, 8192));
    carrier.server(|server| {
        server.tree.write("d/f", b"hello");
        server.tree.symlink("d/l", "f");
    });
    let mount = Mount::new(carrier.clone(), Options::default());
    // Each part: what to do with the next reply, and the bytes to do it with.
    for part in bytes.split(|byte| *byte == 0xfe).take(64) {
        let (first, rest) = part.split_first().unwrap_or((&0, &[]));
        let fault = match first % 5 {
            0 => Fault::None,
            1 => Fault::Bytes(rest.to_vec()),
            2 => Fault::Flip(rest.len(), first | 1),
            3 => Fault::Shrink(rest.len()),
            _ => Fault::Hold,
        };
        carrier.fault(None, fault);
    }
    let _ = use_share(&mount);
    carrier.release();
    while carrier.faults_left() > 0 {
        let _ = mount.statfs();
        carrier.release();
    }
    mount.attach().expect("the share attaches again");
    let file = mount
        .open(b"new", O_RDWR | O_CREAT, 0o600)
        .expect("a new file can be made");
    assert_eq!(file.write_at(b"fine", 0), Ok(4));
    drop(file);
    mount.statfs().expect("the share answers");
    assert_eq!(carrier.slots_in_use(), 0);
});
