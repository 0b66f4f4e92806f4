//! What a misbehaving server or transport costs: the call that met it, and no other.

use std::sync::Arc;

use uio_9p::error::{Errno, Error};
use uio_9p::fake::{Carrier, Fault};
use uio_9p::fs::{Follow, Mount, Options};
use uio_9p::msg::*;
use uio_9p::types::flags::*;

fn mounted() -> (Arc<Carrier>, Mount) {
    let carrier = Arc::new(Carrier::default());
    carrier.server(|server| server.tree.write("d/f", b"hello"));
    let mount = Mount::new(carrier.clone(), Options::default());
    mount.statfs().unwrap();
    (carrier, mount)
}

/// After everything that was wrong: the share works, and nothing is held for ever.
fn assert_well(carrier: &Carrier, mount: &Mount) {
    carrier.release();
    let file = mount.open(b"d/f", O_RDONLY, 0).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(file.read_at(&mut buffer, 0), Ok(5));
    assert_eq!(&buffer[..5], b"hello");
    drop(file);
    for _ in 0..8 {
        mount.statfs().unwrap();
    }
    assert_eq!(mount.fids_in_use(), 1);
    assert_eq!(carrier.server(|server| server.fids()), 1);
    assert_eq!(carrier.slots_in_use(), 0);
    assert_eq!(carrier.faults_left(), 0);
}

/// Whether an error is the one to be expected.
type Fits = fn(&Error) -> bool;

/// Every kind of bad reply with the error that it gives.
fn bad_replies() -> Vec<(Fault, Fits)> {
    vec![
        (Fault::Cut(0), |e| matches!(e, Error::Short { .. })),
        (Fault::Cut(6), |e| matches!(e, Error::Short { need: 7 })),
        (Fault::Cut(8), |e| matches!(e, Error::SizeMismatch { .. })),
        (Fault::Shrink(8), |e| matches!(e, Error::Short { .. })),
        (Fault::Grow(1), |e| {
            matches!(e, Error::Trailing { extra: 1 })
        }),
        (Fault::Grow(3000), |e| {
            matches!(e, Error::Trailing { extra: 3000 })
        }),
        (Fault::Tag(0x1234), |e| {
            matches!(e, Error::UnexpectedTag { got: 0x1234, .. })
        }),
        (Fault::Kind(Rmkdir::KIND), |e| {
            matches!(
                e,
                Error::UnexpectedType {
                    got: Rmkdir::KIND,
                    ..
                }
            )
        }),
        (Fault::Kind(0), |e| {
            matches!(e, Error::UnexpectedType { got: 0, .. })
        }),
        (Fault::Bytes(vec![0xff; 64]), |e| {
            matches!(e, Error::SizeMismatch { header: u32::MAX })
        }),
        (Fault::Refuse(Errno::EIO), |e| {
            *e == Error::Remote(Errno::EIO)
        }),
        (Fault::Refuse(Errno(0)), |e| *e == Error::BadValue),
        (Fault::Refuse(Errno(4096)), |e| *e == Error::BadValue),
        (Fault::Hold, |e| *e == Error::Timeout),
    ]
}

#[test]
fn each_bad_reply_to_each_request_fails_that_call_only() {
    let requests = [
        Tstatfs::KIND,
        Twalk::KIND,
        Tgetattr::KIND,
        Tlopen::KIND,
        Tread::KIND,
        Treaddir::KIND,
        Twrite::KIND,
    ];
    for kind in requests {
        for (fault, fits) in bad_replies() {
            let (carrier, mount) = mounted();
            let data_cut = matches!(fault, Fault::Shrink(_)) && kind == Twalk::KIND;
            carrier.fault(Some(kind), fault.clone());
            let result = use_everything(&mount);
            let error = result.expect_err("the fault was met");
            assert!(fits(&error) || data_cut, "{kind} {fault:?} gave {error:?}");
            assert_well(&carrier, &mount);
        }
    }
}

fn use_everything(mount: &Mount) -> Result<(), Error> {
    mount.statfs()?;
    mount.stat(b"d/f", Follow::Yes)?;
    mount.readdir(b"d", &mut |_| Ok(()))?;
    let file = mount.open(b"d/f", O_RDWR, 0)?;
    file.read_at(&mut [0; 5], 0)?;
    file.write_at(b"hello", 0)?;
    Ok(())
}

#[test]
fn a_failed_start_is_tried_anew() {
    for kind in [Tversion::KIND, Tattach::KIND] {
        for (fault, fits) in bad_replies() {
            let carrier = Arc::new(Carrier::default());
            carrier.server(|server| server.tree.write("d/f", b"hello"));
            let mount = Mount::new(carrier.clone(), Options::default());
            carrier.fault(Some(kind), fault.clone());
            let error = mount.statfs().unwrap_err();
            assert!(fits(&error), "{kind} {fault:?} gave {error:?}");
            assert_well(&carrier, &mount);
        }
    }
}

#[test]
fn an_unanswered_version_keeps_its_tag_until_it_is_answered() {
    let carrier = Arc::new(Carrier::default());
    let mount = Mount::new(carrier.clone(), Options::default());
    carrier.fault(Some(Tversion::KIND), Fault::Hold);
    assert_eq!(mount.attach(), Err(Error::Timeout));
    // NOTAG is not to be had, or the late reply would be taken for the new one's.
    assert_eq!(mount.attach(), Err(Error::OutOfTags));
    carrier.release();
    assert_eq!(mount.attach(), Ok(65_536));
}

#[test]
fn other_dialects_are_refused() {
    let carrier = Arc::new(Carrier::default());
    let mount = Mount::new(carrier.clone(), Options::default());
    let mut reply = vec![0; 64];
    let unknown = Rversion {
        msize: 65_536,
        version: wire::Str(b"9P2000.u"),
    };
    let len = unknown
        .encode(uio_9p::types::Tag::NONE, &mut reply)
        .unwrap();
    reply.truncate(len);
    carrier.fault(Some(Tversion::KIND), Fault::Bytes(reply));
    assert_eq!(mount.attach(), Err(Error::BadVersion));
    assert_eq!(mount.attach(), Ok(65_536));
}

#[test]
fn more_data_than_asked_for_is_refused() {
    let (carrier, mount) = mounted();
    let file = mount.open(b"d/f", O_RDONLY, 0).unwrap();
    // A Rread whose count fits the message, but not the question: made from the walk's tag order, so by hand.
    let mut buffer = [0xEE; 4];
    carrier.fault(Some(Tread::KIND), Fault::Grow(0));
    assert_eq!(file.read_at(&mut buffer[..2], 0), Ok(2));
    assert_eq!(buffer, [b'h', b'e', 0xEE, 0xEE]);
    carrier.fault(Some(Tread::KIND), Fault::LongData(5));
    assert_eq!(file.read_at(&mut buffer[..2], 0), Err(Error::BadValue));
    assert_eq!(buffer, [b'h', b'e', 0xEE, 0xEE]);
    drop(file);
    assert_well(&carrier, &mount);
}

#[test]
fn a_walk_that_finds_more_or_nothing_is_refused() {
    let (carrier, mount) = mounted();
    for fault in [Fault::Qids(0), Fault::Qids(3), Fault::Qids(17)] {
        carrier.fault(Some(Twalk::KIND), fault);
        assert_eq!(mount.stat(b"d/f", Follow::Yes), Err(Error::BadValue));
    }
    assert_well(&carrier, &mount);
}

#[test]
fn late_replies_are_not_taken_for_new_calls() {
    let (carrier, mount) = mounted();
    let file = mount.open(b"d/f", O_RDWR, 0).unwrap();
    carrier.fault(Some(Tread::KIND), Fault::Hold);
    assert_eq!(file.read_at(&mut [0; 5], 0), Err(Error::Timeout));
    // More calls than there are tags: the one given up is never among them.
    for round in 0..200u64 {
        assert_eq!(
            file.read_at(&mut [0; 5], round),
            Ok(5usize.saturating_sub(round as usize))
        );
    }
    carrier.release();
    let before = mount.counters();
    mount.statfs().unwrap();
    assert_eq!(mount.counters().late, before.late + 1);
    assert_eq!(mount.counters().bad, 0);
    drop(file);
    assert_well(&carrier, &mount);
}

#[test]
fn a_call_given_up_is_flushed() {
    let (carrier, mount) = mounted();
    carrier.fault(Some(Tstatfs::KIND), Fault::Hold);
    carrier.server(|server| server.served.clear());
    assert_eq!(mount.statfs(), Err(Error::Timeout));
    assert_eq!(
        carrier.server(|server| server.served.clone()),
        [Tflush::KIND]
    );
    assert_well(&carrier, &mount);
}

#[test]
fn a_server_that_never_answers_costs_slots_and_then_time_outs_at_once() {
    let (carrier, mount) = mounted();
    for _ in 0..20 {
        carrier.fault(None, Fault::Hold);
    }
    for _ in 0..6 {
        assert_eq!(mount.statfs(), Err(Error::Timeout));
    }
    assert_eq!(carrier.slots_in_use(), 8);
    while carrier.faults_left() > 0 {
        carrier.release();
        let _ = mount.statfs();
    }
    assert_well(&carrier, &mount);
}

#[test]
fn a_held_walk_does_not_lose_its_fid_for_ever() {
    let (carrier, mount) = mounted();
    for _ in 0..500 {
        carrier.fault(Some(Twalk::KIND), Fault::Hold);
        assert_eq!(mount.stat(b"d/f", Follow::Yes), Err(Error::Timeout));
        carrier.release();
    }
    assert_well(&carrier, &mount);
}

#[test]
fn failed_clunks_give_back_their_fids() {
    let (carrier, mount) = mounted();
    for (fault, _) in bad_replies() {
        // After an error the fid is forgotten all the same (9P2000, clunk(5)), which `Refuse` would not do.
        if matches!(fault, Fault::Refuse(Errno::EIO)) {
            continue;
        }
        carrier.fault(Some(Tclunk::KIND), fault);
        mount.stat(b"d/f", Follow::Yes).unwrap();
        carrier.release();
        mount.stat(b"d/f", Follow::Yes).unwrap();
    }
    assert_well(&carrier, &mount);
}

#[test]
fn a_broken_transport_fails_everything_and_panics_nowhere() {
    let (carrier, mount) = mounted();
    let file = mount.open(b"d/f", O_RDWR, 0).unwrap();
    carrier.break_down();
    assert_eq!(file.read_at(&mut [0; 5], 0), Err(Error::Broken));
    assert_eq!(file.write_at(&[0; 5], 0), Err(Error::Broken));
    assert_eq!(mount.statfs(), Err(Error::Broken));
    assert_eq!(mount.mkdir(b"x", 0), Err(Error::Broken));
    drop(file);
}

#[test]
fn endless_directories_end() {
    let (carrier, mount) = mounted();
    carrier.fault(Some(Treaddir::KIND), Fault::SameEntry);
    carrier.fault(Some(Treaddir::KIND), Fault::SameEntry);
    let mut seen = 0;
    let result = mount.readdir(b"d", &mut |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!((result, seen), (Err(Error::BadValue), 2));
    assert_well(&carrier, &mount);
}

#[test]
fn a_cut_entry_is_an_error() {
    let (carrier, mount) = mounted();
    carrier.fault(Some(Treaddir::KIND), Fault::LongData(20));
    let result = mount.readdir(b"d", &mut |_| Ok(()));
    assert!(matches!(result, Err(Error::Short { .. })), "{result:?}");
    assert_well(&carrier, &mount);
}
