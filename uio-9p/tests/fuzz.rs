//! Random bytes and spoilt replies, a few hundred thousand, the same ones every time.
//!
//! The contract: no decoder, and neither client nor file system, panics on any bytes; what a decoder accepts lies inside
//! the message and encodes to the same bytes again; after any replies whatever, the client's tags come back.

use std::sync::Arc;

use uio_9p::client::Client;
use uio_9p::error::Error;
use uio_9p::fake::{Carrier, Fault};
use uio_9p::fs::{Follow, Mount, Options};
use uio_9p::msg::readdir::Entries;
use uio_9p::msg::*;
use uio_9p::types::Tag;
use uio_9p::types::flags::*;

/// xorshift64*, so that every run is the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    /// A message of random fields with a header that is mostly right.
    fn message(&mut self, kind: u8) -> Vec<u8> {
        let fields = match self.below(4) {
            0 => self.below(8),
            1 => self.below(200),
            2 => 153,
            _ => self.below(40),
        };
        let mut bytes: Vec<u8> = (0..HEADER + fields).map(|_| self.next() as u8).collect();
        if self.below(8) != 0 {
            let size = bytes.len() as u32;
            bytes[..4].copy_from_slice(&size.to_le_bytes());
            bytes[4] = kind;
        }
        // Small counts make more messages nearly right.
        if self.below(2) == 0 {
            for at in HEADER..bytes.len().min(HEADER + 12) {
                bytes[at] = if self.below(3) == 0 {
                    self.next() as u8 % 20
                } else {
                    0
                };
            }
        }
        if self.below(16) == 0 {
            bytes.truncate(self.below(bytes.len() + 1));
        }
        bytes
    }
}

macro_rules! decoders {
    ($($name:ident)*) => {
        [$(($name::KIND, decode_one::<{ $name::KIND }> as fn(&[u8]) -> Result<(), Error>)),*]
    };
}

/// Decodes as the message of this type, and checks the contract.
fn decode_one<const KIND: u8>(bytes: &[u8]) -> Result<(), Error> {
    macro_rules! one {
        ($($name:ident)*) => {
            match KIND {
                $($name::KIND => {
                    let message = $name::decode(bytes)?;
                    let mut out = vec![0; bytes.len()];
                    let tag = Header::of(bytes)?.tag;
                    assert_eq!(message.encode(tag, &mut out), Ok(bytes.len()));
                    assert_eq!(out, bytes);
                    Ok(())
                })*
                _ => unreachable!(),
            }
        };
    }
    one! {
        Tversion Tauth Tattach Tflush Twalk Tlopen Tlcreate Tsymlink Tmknod Trename Treadlink
        Tgetattr Tsetattr Txattrwalk Txattrcreate Treaddir Tfsync Tlock Tgetlock Tlink Tmkdir
        Trenameat Tunlinkat Tstatfs Tread Twrite Tclunk Tremove
        Rlerror Rversion Rauth Rattach Rflush Rwalk Rlopen Rlcreate Rsymlink Rmknod Rrename
        Rreadlink Rgetattr Rsetattr Rxattrwalk Rxattrcreate Rreaddir Rfsync Rlock Rgetlock Rlink
        Rmkdir Rrenameat Runlinkat Rstatfs Rread Rwrite Rclunk Rremove
    }
}

#[test]
fn decoders() {
    let all = decoders! {
        Tversion Tauth Tattach Tflush Twalk Tlopen Tlcreate Tsymlink Tmknod Trename Treadlink
        Tgetattr Tsetattr Txattrwalk Txattrcreate Treaddir Tfsync Tlock Tgetlock Tlink Tmkdir
        Trenameat Tunlinkat Tstatfs Tread Twrite Tclunk Tremove
        Rlerror Rversion Rauth Rattach Rflush Rwalk Rlopen Rlcreate Rsymlink Rmknod Rrename
        Rreadlink Rgetattr Rsetattr Rxattrwalk Rxattrcreate Rreaddir Rfsync Rlock Rgetlock Rlink
        Rmkdir Rrenameat Runlinkat Rstatfs Rread Rwrite Rclunk Rremove
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for _ in 0..3_000 {
        for (kind, decode) in &all {
            let mut bytes = random.message(*kind);
            // What the error says leads to a message that is right.
            for _ in 0..8 {
                let size = match decode(&bytes) {
                    Ok(()) => {
                        accepted += 1;
                        break;
                    }
                    Err(Error::Trailing { extra }) => bytes.len() - extra as usize,
                    Err(Error::Short { need, .. }) if need < 600 => need as usize,
                    Err(_) => break,
                };
                bytes.resize(size.max(HEADER), 1);
                bytes[..4].copy_from_slice(&(size as u32).to_le_bytes());
                bytes[4] = *kind;
            }
        }
    }
    // If hardly any was accepted, the other half of the contract was not tried.
    assert!(accepted > 50_000, "{accepted}");
}

#[test]
fn directory_entries() {
    let mut random = Random(77);
    for _ in 0..100_000 {
        let bytes = random.message(0);
        let mut errors = 0;
        let mut total = 0;
        for entry in Entries::new(wire::Data(&bytes)) {
            match entry {
                Ok(entry) => total += 24 + entry.name.len(),
                Err(_) => errors += 1,
            }
        }
        assert!(errors <= 1 && total <= bytes.len());
        assert_eq!(errors == 0, total == bytes.len());
    }
}

#[test]
fn client() {
    let kinds = [Tread::KIND, Twalk::KIND, Tclunk::KIND, Tversion::KIND];
    let mut random = Random(1234);
    let client = Client::new();
    let mut in_flight: Vec<Tag> = Vec::new();
    let mut given_up: Vec<Tag> = Vec::new();
    for _ in 0..200_000 {
        let kind = kinds[random.below(kinds.len())];
        match random.below(6) {
            0 | 1 => in_flight.extend(client.begin(kind)),
            2 => {
                if let Ok(fid) = client.take_fid() {
                    match client.begin_clunk(fid) {
                        Ok(tag) => in_flight.push(tag),
                        Err(_) => client.free_fid(fid),
                    }
                }
            }
            3 if !in_flight.is_empty() => {
                let tag = in_flight.swap_remove(random.below(in_flight.len()));
                if let Ok(flush) = client.begin_flush(tag) {
                    client.give_up(flush);
                    given_up.push(flush);
                }
                client.give_up(tag);
                given_up.push(tag);
            }
            4 if !in_flight.is_empty() => {
                let tag = in_flight.swap_remove(random.below(in_flight.len()));
                let bytes = random.message(kind | 1);
                let _ = client.route(&bytes);
                let _ = client.finish(tag, &bytes);
            }
            _ if !given_up.is_empty() => {
                let tag = given_up.swap_remove(random.below(given_up.len()));
                client.late(tag, &random.message(kind | 1));
            }
            _ => {}
        }
        if let Some(fid) = client.lost_fid() {
            client.free_fid(fid);
        }
    }
    in_flight.into_iter().for_each(|tag| client.cancel(tag));
    given_up.into_iter().for_each(|tag| client.late(tag, &[]));
    while let Some(fid) = client.lost_fid() {
        client.free_fid(fid);
    }
    assert_eq!((client.calls_in_use(), client.owed()), (0, false));
    assert_eq!(client.fids_in_use(), 1);
}

/// One use of everything.
fn use_share(mount: &Mount) -> Result<(), Error> {
    mount.statfs()?;
    mount.stat(b"d/l", Follow::Yes)?;
    mount.readlink(b"d/l", &mut Vec::new())?;
    mount.readdir(b"d", &mut |_| Ok(()))?;
    let file = mount.open(b"d/f", O_RDWR | O_CREAT, 0o600)?;
    file.write_at(&[7; 30_000], 3)?;
    file.read_at(&mut [0; 40_000], 0)?;
    file.set_len(10)?;
    file.fsync()?;
    drop(file);
    mount.mkdir(b"e", 0o700)?;
    mount.rename(b"e", b"d/e")?;
    mount.rmdir(b"d/e")
}

#[test]
fn file_system() {
    let mut random = Random(4321);
    let mut failed = 0;
    for round in 0..4_000 {
        let carrier = Arc::new(Carrier::new(8, 8192));
        carrier.server(|server| {
            server.tree.write("d/f", b"hello");
            server.tree.symlink("d/l", "f");
        });
        let mount = Mount::new(carrier.clone(), Options::default());
        for _ in 0..random.below(40) {
            carrier.fault(None, Fault::None);
        }
        let kind = random.next() as u8;
        for _ in 0..1 + random.below(3) {
            let fault = match random.below(4) {
                0 => Fault::Bytes(random.message(kind)),
                1 => Fault::Flip(random.next() as usize, random.next() as u8 | 1),
                2 => Fault::Shrink(random.below(64)),
                _ => Fault::Hold,
            };
            carrier.fault(None, fault);
        }
        failed += usize::from(use_share(&mount).is_err());
        carrier.release();
        while carrier.faults_left() > 0 {
            let _ = mount.statfs();
            carrier.release();
        }
        // Whatever happened: a new name can be used now. (Replies were garbled, so the share may have changed.)
        mount.attach().unwrap();
        let path = format!("new-{round}");
        let file = mount
            .open(path.as_bytes(), O_RDWR | O_CREAT, 0o600)
            .unwrap();
        assert_eq!(file.write_at(b"fine", 0), Ok(4));
        drop(file);
        mount.statfs().unwrap();
        assert_eq!(carrier.slots_in_use(), 0, "round {round}");
    }
    assert!(failed > 2_000, "{failed}");
}
