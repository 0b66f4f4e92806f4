//! Every message: there and back, cut anywhere, with bytes too many, into buffers too small.

use uio_9p::error::Error;
use uio_9p::msg::readdir::{Entries, Entry};
use uio_9p::msg::walk::{Names, Qids};
use uio_9p::msg::wire::{Data, Str, Wire, Writer};
use uio_9p::msg::*;
use uio_9p::types::{Fid, Qid, Tag, Time};

const TAG: Tag = Tag(0x1234);
const QID: Qid = Qid {
    kind: Qid::DIR,
    version: 0xdead_beef,
    path: 0x0123_4567_89ab_cdef,
};
const TIME: Time = Time {
    sec: 0x1_0000_0001,
    nsec: 999_999_999,
};

/// The same message, encoded by hand: `size type tag` and the fields.
fn frame(kind: u8, fields: &[u8]) -> Vec<u8> {
    let size = (HEADER + fields.len()) as u32;
    [&size.to_le_bytes()[..], &[kind, 0x34, 0x12], fields].concat()
}

/// Decodes a message and encodes it again.
type Decode<'d> = &'d dyn Fn(&[u8]) -> Result<Vec<u8>, Error>;

/// What must hold for a message, given its decoder.
fn check(message: &dyn Message, name: &str, decode: Decode<'_>) {
    let mut buffer = vec![0x5a; 4096];
    let len = encode(message, TAG, &mut buffer).unwrap();
    assert!(
        buffer[len..].iter().all(|byte| *byte == 0x5a),
        "{name} wrote beyond its end"
    );
    let bytes = &buffer[..len];
    let header = Header::of(bytes).unwrap();
    assert_eq!(
        (header.size as usize, header.kind, header.tag),
        (len, message.kind(), TAG)
    );
    // There and back gives the same bytes.
    assert_eq!(decode(bytes).as_deref(), Ok(bytes), "{name}");

    for cut in 0..len {
        let mut small = vec![0x5a; cut];
        assert_eq!(
            encode(message, TAG, &mut small),
            Err(Error::BufferFull { need: len as u32 }),
            "{name} into {cut} bytes"
        );
        let short = &bytes[..cut];
        assert!(decode(short).is_err(), "{name} cut to {cut}");
        if cut >= HEADER {
            let mut consistent = short.to_vec();
            consistent[..4].copy_from_slice(&(cut as u32).to_le_bytes());
            let result = decode(&consistent);
            assert!(
                matches!(result, Err(Error::Short { .. })),
                "{name} cut to {cut}: {result:?}"
            );
        }
    }
    let mut long = bytes.to_vec();
    long.push(0);
    assert!(matches!(decode(&long), Err(Error::SizeMismatch { .. })));
    long[..4].copy_from_slice(&(len as u32 + 1).to_le_bytes());
    assert_eq!(decode(&long), Err(Error::Trailing { extra: 1 }), "{name}");
    let mut other = bytes.to_vec();
    other[4] ^= 0x40;
    assert!(
        matches!(decode(&other), Err(Error::UnexpectedType { .. })),
        "{name}"
    );
}

macro_rules! check_all {
    ($($name:ident { $($field:ident: $value:expr),* $(,)? })*) => {$(
        check(&$name { $($field: $value),* }, stringify!($name), &|bytes| {
            let message = $name::decode(bytes)?;
            let mut out = vec![0; 4096];
            let len = message.encode(TAG, &mut out)?;
            out.truncate(len);
            Ok(out)
        });
    )*};
}

#[test]
fn requests() {
    check_all! {
        Tversion { msize: 8192, version: Str(b"9P2000.L") }
        Tauth { afid: Fid(1), uname: Str(b"u"), aname: Str(b""), n_uname: 5 }
        Tattach { fid: Fid(0), afid: Fid::NONE, uname: Str(b"user"), aname: Str(b"/a"), n_uname: 0 }
        Tflush { oldtag: Tag(7) }
        Twalk { fid: Fid(1), newfid: Fid(2), names: Names::List(&[]) }
        Twalk { fid: Fid(1), newfid: Fid(2), names: Names::List(&[b"a", b"", b"ccc"]) }
        Twalk { fid: Fid(1), newfid: Fid(2), names: Names::List(&[&b"x"[..]; 16]) }
        Tlopen { fid: Fid(3), flags: 0o2001 }
        Tlcreate { fid: Fid(3), name: Str(b"new"), flags: 1, mode: 0o644, gid: 9 }
        Tsymlink { dfid: Fid(3), name: Str(b"l"), target: Str(b"../t"), gid: 9 }
        Tmknod { dfid: Fid(3), name: Str(b"n"), mode: 0o20600, major: 5, minor: 1, gid: 9 }
        Trename { fid: Fid(3), dfid: Fid(4), name: Str(b"n") }
        Treadlink { fid: Fid(3) }
        Tgetattr { fid: Fid(3), request_mask: Tgetattr::BASIC }
        Tsetattr {
            fid: Fid(3), valid: 0x1ff, mode: 1, uid: 2, gid: 3, size: 1 << 40, atime: TIME,
            mtime: TIME,
        }
        Txattrwalk { fid: Fid(3), newfid: Fid(4), name: Str(b"user.x") }
        Txattrcreate { fid: Fid(3), name: Str(b"user.x"), attr_size: 10, flags: 1 }
        Treaddir { fid: Fid(3), offset: u64::MAX, count: 8000 }
        Tfsync { fid: Fid(3), datasync: 1 }
        Tlock {
            fid: Fid(3), kind: 1, flags: 1, start: 2, length: 3, proc_id: 4,
            client_id: Str(b"me"),
        }
        Tgetlock { fid: Fid(3), kind: 1, start: 2, length: 3, proc_id: 4, client_id: Str(b"me") }
        Tlink { dfid: Fid(3), fid: Fid(4), name: Str(b"n") }
        Tmkdir { dfid: Fid(3), name: Str(b"n"), mode: 0o755, gid: 9 }
        Trenameat { olddirfid: Fid(3), oldname: Str(b"a"), newdirfid: Fid(4), newname: Str(b"bb") }
        Tunlinkat { dirfid: Fid(3), name: Str(b"n"), flags: Tunlinkat::REMOVE_DIR }
        Tstatfs { fid: Fid(3) }
        Tread { fid: Fid(3), offset: 1 << 33, count: 4096 }
        Twrite { fid: Fid(3), offset: 1 << 33, data: Data(b"some bytes") }
        Twrite { fid: Fid(3), offset: 0, data: Data(b"") }
        Tclunk { fid: Fid(3) }
        Tremove { fid: Fid(3) }
    }
}

#[test]
fn replies() {
    check_all! {
        Rlerror { ecode: 2 }
        Rversion { msize: 8192, version: Str(b"unknown") }
        Rauth { aqid: QID }
        Rattach { qid: QID }
        Rflush {}
        Rwalk { qids: Qids(&[]) }
        Rwalk { qids: Qids(&[7; 13 * 16]) }
        Rlopen { qid: QID, iounit: 4096 }
        Rlcreate { qid: QID, iounit: 0 }
        Rsymlink { qid: QID }
        Rmknod { qid: QID }
        Rrename {}
        Rreadlink { target: Str(b"../t") }
        Rgetattr {
            valid: 0x7ff, qid: QID, mode: 1, uid: 2, gid: 3, nlink: 4, rdev: 5, size: 6, blksize: 7,
            blocks: 8, atime: TIME, mtime: TIME, ctime: TIME, btime: TIME, generation: 9,
            data_version: 10,
        }
        Rsetattr {}
        Rxattrwalk { size: 1 << 50 }
        Rxattrcreate {}
        Rreaddir { data: Data(b"any bytes") }
        Rfsync {}
        Rlock { status: 3 }
        Rgetlock { kind: 2, start: 2, length: 3, proc_id: 4, client_id: Str(b"me") }
        Rlink {}
        Rmkdir { qid: QID }
        Rrenameat {}
        Runlinkat {}
        Rstatfs {
            kind: 1, bsize: 2, blocks: 3, bfree: 4, bavail: 5, files: 6, ffree: 7, fsid: 8,
            namelen: 255,
        }
        Rread { data: Data(b"some bytes") }
        Rwrite { count: 10 }
        Rclunk {}
        Rremove {}
    }
}

/// Bytes written out from the specification, not by this crate.
#[test]
fn known_bytes() {
    let encoded = |message: &dyn Message| {
        let mut out = vec![0; 256];
        let len = encode(message, TAG, &mut out).unwrap();
        out.truncate(len);
        out
    };
    let walk = Twalk {
        fid: Fid(1),
        newfid: Fid(0x0a0b_0c0d),
        names: Names::List(&[b"usr", b"x"]),
    };
    let fields = b"\x01\0\0\0\x0d\x0c\x0b\x0a\x02\0\x03\0usr\x01\0x";
    assert_eq!(encoded(&walk), frame(110, fields));
    let write = Twrite {
        fid: Fid(2),
        offset: 0x0102_0304_0506_0708,
        data: Data(b"hi"),
    };
    let fields = b"\x02\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x02\0\0\0hi";
    assert_eq!(encoded(&write), frame(118, fields));
    let unlink = Tunlinkat {
        dirfid: Fid(2),
        name: Str(b"d"),
        flags: Tunlinkat::REMOVE_DIR,
    };
    assert_eq!(encoded(&unlink), frame(76, b"\x02\0\0\0\x01\0d\0\x02\0\0"));
    let mut attr = vec![0; 153];
    attr[..8].copy_from_slice(&0x7ffu64.to_le_bytes());
    attr[8] = 0x80;
    attr[21..25].copy_from_slice(&0o040755u32.to_le_bytes());
    attr[49..57].copy_from_slice(&4096u64.to_le_bytes());
    attr[89..97].copy_from_slice(&1234u64.to_le_bytes());
    let bytes = frame(25, &attr);
    let stat = Rgetattr::decode(&bytes).unwrap();
    assert_eq!((stat.valid, stat.mode, stat.size), (0x7ff, 0o040755, 4096));
    assert_eq!((stat.qid.is_dir(), stat.mtime.sec), (true, 1234));
    let bytes = frame(111, &[&[1, 0, 0x02][..], &[0; 12]].concat());
    let qids = Rwalk::decode(&bytes).unwrap().qids;
    assert_eq!(qids.len(), 1);
    assert!(qids.iter().all(Qid::is_symlink));
}

#[test]
fn limits_of_lists_and_strings() {
    let mut out = vec![0; 200_000];
    let names = Names::List(&[&b"x"[..]; 17]);
    let walk = Twalk {
        fid: Fid(1),
        newfid: Fid(2),
        names,
    };
    assert_eq!(walk.encode(TAG, &mut out), Err(Error::BadValue));
    let long = vec![b'x'; 65_536];
    let make = |name| Tmkdir {
        dfid: Fid(1),
        name: Str(name),
        mode: 0,
        gid: 0,
    };
    assert_eq!(make(&long).encode(TAG, &mut out), Err(Error::BadValue));
    assert!(make(&long[1..]).encode(TAG, &mut out).is_ok());
    // Counts that promise more than there is, up to the largest.
    for count in [2u16, 16, 17, u16::MAX] {
        let mut fields = count.to_le_bytes().to_vec();
        fields.extend_from_slice(&[0; 13]);
        assert!(Rwalk::decode(&frame(111, &fields)).is_err());
    }
    for count in [3u32, u32::MAX] {
        let mut fields = count.to_le_bytes().to_vec();
        fields.extend_from_slice(b"hi");
        assert!(matches!(
            Rread::decode(&frame(117, &fields)),
            Err(Error::Short { .. })
        ));
    }
    let seventeen = [&[17, 0][..], &[0; 17 * 13]].concat();
    assert_eq!(Rwalk::decode(&frame(111, &seventeen)), Err(Error::BadValue));
}

#[test]
fn directory_entries() {
    let entry = |name| Entry {
        qid: QID,
        offset: 77,
        kind: 8,
        name,
    };
    let mut bytes = vec![0; 256];
    let mut to = Writer::new(&mut bytes);
    entry(b"first").put(&mut to);
    entry(b"").put(&mut to);
    let len = to.finish().unwrap();
    bytes.truncate(len);
    let all: Result<Vec<_>, _> = Entries::new(Data(&bytes)).collect();
    assert_eq!(all.unwrap(), [entry(b"first"), entry(b"")]);
    for cut in 1..len {
        let entries: Vec<_> = Entries::new(Data(&bytes[..cut])).collect();
        let whole = cut == 29;
        assert_eq!(entries.last().unwrap().is_ok(), whole, "cut to {cut}");
        assert!(entries.len() <= 2);
    }
    assert_eq!(Entries::new(Data(b"")).count(), 0);
}
