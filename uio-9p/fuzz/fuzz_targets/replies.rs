//! The contract: `decode` never panics on any bytes, accepts a message only if its length equals the header's size and the
//! sum of its fields, and what it accepts encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uio_9p::msg::readdir::Entries;
use uio_9p::msg::*;

macro_rules! each {
    ($bytes:ident $($name:ident)*) => {$(
        if let Ok(message) = $name::decode($bytes) {
            let header = Header::of($bytes).unwrap();
            let mut out = vec![0; $bytes.len()];
            assert_eq!(message.encode(header.tag, &mut out), Ok($bytes.len()));
            assert_eq!(out, $bytes);
        }
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    each! { bytes
        Tversion Tauth Tattach Tflush Twalk Tlopen Tlcreate Tsymlink Tmknod Trename Treadlink
        Tgetattr Tsetattr Txattrwalk Txattrcreate Treaddir Tfsync Tlock Tgetlock Tlink Tmkdir
        Trenameat Tunlinkat Tstatfs Tread Twrite Tclunk Tremove
        Rlerror Rversion Rauth Rattach Rflush Rwalk Rlopen Rlcreate Rsymlink Rmknod Rrename
        Rreadlink Rgetattr Rsetattr Rxattrwalk Rxattrcreate Rreaddir Rfsync Rlock Rgetlock Rlink
        Rmkdir Rrenameat Runlinkat Rstatfs Rread Rwrite Rclunk Rremove
    }
    for entry in Entries::new(wire::Data(bytes)) {
        let _ = entry;
    }
});
