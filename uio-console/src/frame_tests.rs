extern crate std;
use std::vec::Vec;

use super::*;

fn deframe_all(deframer: &mut Deframer, mut bytes: &[u8]) -> Vec<Result<Vec<u8>, Error>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (used, item) = deframer.next(bytes);
        bytes = &bytes[used..];
        if let Some(item) = item {
            out.push(item.map(<[u8]>::to_vec));
        }
    }
    out
}

/// A small generator with a fixed seed, so that a failure repeats.
struct Random(u64);
impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn known_encodings() {
    let cases: [(&[u8], &[u8]); 5] = [
        (&[], &[1, 0]),
        (&[0], &[1, 1, 0]),
        (&[0, 0], &[1, 1, 1, 0]),
        (&[1, 2, 0, 3], &[3, 1, 2, 2, 3, 0]),
        (&[1, 0], &[2, 1, 1, 0]),
    ];
    for (payload, frame) in cases {
        let mut out = [0xee; 16];
        let len = stuff(payload, &mut out).unwrap();
        assert_eq!(&out[..len], frame);
    }
}

#[test]
fn every_length_comes_back() {
    let mut random = Random(0x9e37_79b9);
    for len in (0..600).chain(MAX_PAYLOAD - 3..=MAX_PAYLOAD) {
        for density in [1, 2, 255] {
            let payload: Vec<u8> = (0..len)
                .map(|_| {
                    if random.next().is_multiple_of(density) {
                        0
                    } else {
                        (random.next() % 255) as u8 + 1
                    }
                })
                .collect();
            let mut out = std::vec![0; stuffed_len(len)];
            let used = stuff(&payload, &mut out).unwrap();
            assert!(used <= MAX_FRAME);
            assert_eq!(out[..used].iter().position(|&b| b == 0), Some(used - 1));
            let got = deframe_all(&mut Deframer::new(), &out[..used]);
            assert_eq!(got, [Ok(payload)], "length {len}");
        }
    }
}

#[test]
fn any_cut_of_the_stream_gives_the_same_frames() {
    let mut stream = Vec::new();
    for text in [&b"hello"[..], b"\0\0", b"a\0b", &[7; 300]] {
        let mut out = [0; 400];
        let len = stuff(text, &mut out).unwrap();
        stream.extend_from_slice(&out[..len]);
    }
    let whole = deframe_all(&mut Deframer::new(), &stream);
    assert_eq!(whole.len(), 4);
    for cut in 0..stream.len() {
        let mut deframer = Deframer::new();
        let mut got = deframe_all(&mut deframer, &stream[..cut]);
        got.extend(deframe_all(&mut deframer, &stream[cut..]));
        assert_eq!(got, whole, "cut at {cut}");
    }
}

#[test]
fn a_cut_off_frame_ends_at_the_next_zero() {
    let mut frame = [0; 16];
    let len = stuff(b"abcdef", &mut frame).unwrap();
    for cut in 1..len - 1 {
        let mut stream = frame[..cut].to_vec();
        stream.push(0);
        stream.extend_from_slice(&frame[..len]);
        let got = deframe_all(&mut Deframer::new(), &stream);
        assert_eq!(got, [Err(Error::Truncated), Ok(b"abcdef".to_vec())]);
    }
}

#[test]
fn an_oversized_frame_is_reported_once_and_skipped() {
    let mut stream = std::vec![0xffu8; 3 * MAX_FRAME];
    stream.push(0);
    let mut frame = [0; 8];
    let len = stuff(b"ok", &mut frame).unwrap();
    stream.extend_from_slice(&frame[..len]);
    let got = deframe_all(&mut Deframer::new(), &stream);
    assert_eq!(got, [Err(Error::Oversized), Ok(b"ok".to_vec())]);
}

#[test]
fn random_bytes_never_panic_and_leave_the_deframer_usable() {
    let mut random = Random(42);
    let mut deframer = Deframer::new();
    for _ in 0..20_000 {
        let len = random.next() as usize % 64;
        let noise: Vec<u8> = (0..len).map(|_| (random.next() % 7 * 41) as u8).collect();
        for payload in deframe_all(&mut deframer, &noise).into_iter().flatten() {
            let _ = decode_payload::<crate::ToGuest<'_>>(&payload);
            let _ = decode_payload::<crate::FromGuest<'_>>(&payload);
        }
    }
    let mut frame = [0; 8];
    let len = stuff(b"ok", &mut frame).unwrap();
    deframe_all(&mut deframer, &[0]);
    assert_eq!(
        deframe_all(&mut deframer, &frame[..len]),
        [Ok(b"ok".to_vec())]
    );
}

#[test]
fn a_message_with_a_tail_or_without_its_end_is_malformed() {
    let message = crate::ToGuest::Stdin {
        id: crate::RequestId(300),
        data: b"data",
    };
    let mut payload = [0; 32];
    let len = encode_payload(&message, &mut payload).unwrap();
    assert_eq!(decode_payload(&payload[..len]), Ok(message));
    for cut in 0..len {
        assert_eq!(
            decode_payload::<crate::ToGuest<'_>>(&payload[..cut]),
            Err(Error::Malformed)
        );
    }
    assert_eq!(
        decode_payload::<crate::ToGuest<'_>>(&payload[..len + 1]),
        Err(Error::Malformed)
    );
}
