//! The state machine by itself.

use uio_9p::client::{Client, MAX_CALLS, MAX_FIDS, agree};
use uio_9p::error::{Errno, Error};
use uio_9p::msg::wire::Str;
use uio_9p::msg::*;
use uio_9p::types::{Fid, Tag};

fn reply(tag: Tag, message: &dyn Message) -> Vec<u8> {
    let mut out = vec![0; 256];
    let len = encode(message, tag, &mut out).unwrap();
    out.truncate(len);
    out
}

#[test]
fn replies_in_any_order() {
    let client = Client::new();
    let tags: Vec<Tag> = (0..40)
        .map(|_| client.begin(Tclunk::KIND).unwrap())
        .collect();
    for tag in tags.iter().rev() {
        let bytes = reply(*tag, &Rclunk {});
        assert_eq!(client.route(&bytes), Ok(*tag));
        assert_eq!(client.finish(*tag, &bytes), Ok(()));
        assert!(client.route(&bytes).is_err());
    }
    assert_eq!(client.counters().stray, 40);
    assert_eq!((client.calls_in_use(), client.owed()), (0, false));
}

#[test]
fn tags_are_bounded_and_go_round() {
    let client = Client::new();
    let first = client.begin(Tread::KIND).unwrap();
    client.cancel(first);
    assert_ne!(client.begin(Tread::KIND).unwrap(), first);
    for _ in 1..MAX_CALLS {
        client.begin(Tread::KIND).unwrap();
    }
    assert_eq!(client.begin(Tread::KIND), Err(Error::OutOfTags));
    // The tag of Tversion is one of its own.
    assert_eq!(client.begin(Tversion::KIND), Ok(Tag::NONE));
    assert_eq!(client.begin(Tversion::KIND), Err(Error::OutOfTags));
    client.cancel(first);
    assert_eq!(client.begin(Tread::KIND), Ok(first));
}

#[test]
fn a_call_given_up_keeps_its_tag_until_it_is_over() {
    for over_first in [false, true] {
        let client = Client::new();
        let tag = client.begin(Tread::KIND).unwrap();
        let bytes = reply(tag, &Rlerror { ecode: 4 });
        if over_first {
            client.late(tag, &bytes);
            assert_eq!(client.calls_in_use(), 1);
            client.give_up(tag);
        } else {
            client.give_up(tag);
            assert!(client.owed());
            assert_eq!(client.calls_in_use(), 1);
            client.late(tag, &bytes);
        }
        assert_eq!((client.calls_in_use(), client.owed()), (0, false));
        assert_eq!(client.counters().late, 1);
    }
}

#[test]
fn a_flush_keeps_the_tag_longer() {
    for flush_first in [false, true] {
        let client = Client::new();
        let old = client.begin(Tread::KIND).unwrap();
        let flush = client.begin_flush(old).unwrap();
        client.give_up(old);
        client.give_up(flush);
        let answer = reply(flush, &Rflush {});
        if flush_first {
            client.late(flush, &answer);
            assert_eq!(client.calls_in_use(), 1);
            client.late(old, &[]);
        } else {
            client.late(old, &[]);
            assert_eq!(client.calls_in_use(), 2);
            client.late(flush, &answer);
        }
        assert_eq!((client.calls_in_use(), client.owed()), (0, false));
    }
    // A flush that could not be sent keeps nothing.
    let client = Client::new();
    let old = client.begin(Tread::KIND).unwrap();
    let flush = client.begin_flush(old).unwrap();
    client.give_up(old);
    client.cancel(flush);
    client.late(old, &[]);
    assert_eq!((client.calls_in_use(), client.owed()), (0, false));
}

#[test]
fn a_clunk_gives_back_its_fid_by_its_answer() {
    let client = Client::new();
    let answers: [(&dyn Message, bool); 3] = [
        (&Rclunk {}, true),
        (&Rlerror { ecode: 2 }, true),
        (&Rremove {}, false),
    ];
    for (answer, freed) in answers {
        let fid = client.take_fid().unwrap();
        let tag = client.begin_clunk(fid).unwrap();
        client.give_up(tag);
        client.late(tag, &reply(tag, answer));
        assert_eq!(client.fids_in_use(), if freed { 1 } else { 2 });
        assert_eq!(client.lost_fid(), (!freed).then_some(fid));
        client.free_fid(fid);
    }
    let fid = client.take_fid().unwrap();
    let tag = client.begin_clunk(fid).unwrap();
    client.cancel(tag);
    assert_eq!(client.lost_fid(), Some(fid));
    assert_eq!(client.lost_fid(), None);
}

#[test]
fn fids_are_bounded() {
    let client = Client::new();
    for number in 1..MAX_FIDS as u32 {
        assert_eq!(client.take_fid(), Ok(Fid(number)));
    }
    assert_eq!(client.take_fid(), Err(Error::OutOfFids));
    client.free_fid(Fid(200));
    assert_eq!(client.take_fid(), Ok(Fid(200)));
    client.lose_fid(Fid(9));
    assert_eq!(client.take_fid(), Err(Error::OutOfFids));
    assert_eq!(client.lost_fid(), Some(Fid(9)));
}

/// Makes a reply for a tag.
type Make<'m> = &'m dyn Fn(Tag) -> Vec<u8>;

#[test]
fn bad_replies_end_their_call_only() {
    let client = Client::new();
    let other = client.begin(Tread::KIND).unwrap();
    let bad: [(Make<'_>, Error); 6] = [
        (&|_| vec![], Error::Short { need: 7 }),
        (
            &|tag| [reply(tag, &Rclunk {}), vec![0]].concat(),
            Error::SizeMismatch { header: 7 },
        ),
        (
            &|tag| reply(tag, &Rremove {}),
            Error::UnexpectedType {
                expected: 121,
                got: 123,
            },
        ),
        (&|tag| reply(tag, &Rlerror { ecode: 0 }), Error::BadValue),
        (
            &|tag| reply(tag, &Rlerror { ecode: u32::MAX }),
            Error::BadValue,
        ),
        (
            &|tag| reply(tag, &Rlerror { ecode: 28 }),
            Error::Remote(Errno::ENOSPC),
        ),
    ];
    for (make, error) in bad {
        let tag = client.begin(Tclunk::KIND).unwrap();
        assert_eq!(client.finish(tag, &make(tag)), Err(error));
        assert_eq!(client.calls_in_use(), 1);
    }
    let tag = client.begin(Tclunk::KIND).unwrap();
    let wrong = client.finish(
        tag,
        &reply(
            other,
            &Rread {
                data: wire::Data(b""),
            },
        ),
    );
    assert_eq!(
        wrong,
        Err(Error::UnexpectedTag {
            expected: tag.0,
            got: other.0
        })
    );
    let right = client.finish(
        other,
        &reply(
            other,
            &Rread {
                data: wire::Data(b""),
            },
        ),
    );
    assert_eq!(right, Ok(()));
    // Tags that nobody has, in every place they could come in.
    for tag in [Tag(63), Tag(64), Tag(0xfffe), Tag::NONE] {
        client.late(tag, &reply(tag, &Rclunk {}));
        assert!(client.route(&reply(tag, &Rclunk {})).is_err());
    }
    assert_eq!((client.calls_in_use(), client.owed()), (0, false));
}

#[test]
fn versions() {
    let answer = |msize, version| {
        agree(
            65_536,
            &Rversion {
                msize,
                version: Str(version),
            },
        )
    };
    assert_eq!(answer(65_536, version::DIALECT), Ok(65_536));
    assert_eq!(answer(8192, version::DIALECT), Ok(8192));
    assert_eq!(answer(8191, version::DIALECT), Err(Error::BadMsize(8191)));
    assert_eq!(
        answer(65_537, version::DIALECT),
        Err(Error::BadMsize(65_537))
    );
    assert_eq!(answer(65_536, b"9P2000"), Err(Error::BadVersion));
    assert_eq!(answer(65_536, b"unknown"), Err(Error::BadVersion));
}

#[test]
fn errors_have_numbers() {
    for (error, errno) in [
        (Error::Remote(Errno(122)), Errno(122)),
        (Error::Local(Errno::ELOOP), Errno::ELOOP),
        (Error::Timeout, Errno::ETIMEDOUT),
        (Error::OutOfFids, Errno::ENFILE),
        (Error::Broken, Errno::EIO),
        (Error::BadVersion, Errno::EPROTO),
        (Error::NoMemory, Errno::ENOMEM),
    ] {
        assert_eq!(error.errno(), errno);
    }
}
