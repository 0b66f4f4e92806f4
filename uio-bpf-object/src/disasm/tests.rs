use super::*;

fn helpers(number: u32) -> Option<String> {
    (number == 1).then(|| "map_lookup_elem".to_owned())
}

/// The text of instructions in hexadecimal.
fn shown(bytes: &str) -> String {
    let code = crate::bytes(bytes.as_bytes()).unwrap();
    let entries = listing(&code, &helpers);
    assert_eq!(entries.len(), 1, "{bytes}");
    entries[0].words()
}

/// The notation of llvm-objdump 19, with numbers in decimal, whole registers in stores and loads, and names of helpers and
/// of what wide loads load.
const CASES: &[(&str, &str)] = &[
    ("0701000005000000", "r1 += 5"),
    ("0f21000000000000", "r1 += r2"),
    ("1c21000000000000", "w1 -= w2"),
    ("2701000002000000", "r1 *= 2"),
    ("3701000002000000", "r1 /= 2"),
    ("3f21010000000000", "r1 s/= r2"),
    ("9c21010000000000", "w1 s%= w2"),
    ("9701000003000000", "r1 %= 3"),
    ("4701000003000000", "r1 |= 3"),
    ("5401000001000000", "w1 &= 1"),
    ("a701000001000000", "r1 ^= 1"),
    ("6702000020000000", "r2 <<= 32"),
    ("7f21000000000000", "r1 >>= r2"),
    ("c702000020000000", "r2 s>>= 32"),
    ("8701000000000000", "r1 = -r1"),
    ("8401000000000000", "w1 = -w1"),
    ("bf16000000000000", "r6 = r1"),
    ("b4010000ffffffff", "w1 = -1"),
    ("bf21080000000000", "r1 = (s8)r2"),
    ("bf21200000000000", "r1 = (s32)r2"),
    ("bc21100000000000", "w1 = (s16)w2"),
    ("d401000010000000", "r1 = le16 r1"),
    ("dc01000020000000", "r1 = be32 r1"),
    ("d701000040000000", "r1 = bswap64 r1"),
    ("0500080000000000", "goto +8"),
    ("06000000feffffff", "gotol -2"),
    ("c601030005000000", "if w1 s< 5 goto +3"),
    ("1d21ffff00000000", "if r1 == r2 goto -1"),
    ("4501020001000000", "if r1 & 1 goto +2"),
    ("8500000001000000", "call map_lookup_elem#1"),
    ("8500000002000000", "call 2"),
    ("8510000010000000", "call +16"),
    ("8520000007000000", "call btf#7"),
    ("8d03000000000000", "callx r3"),
    ("8d00000003000000", "callx r3"),
    ("9500000000000000", "exit"),
    ("18010000010000000000000002000000", "r1 = 0x200000001 ll"),
    ("18510000010000000000000000000000", "r1 = map[1] ll"),
    (
        "18610000010000000000000008000000",
        "r1 = map[1] value + 8 ll",
    ),
    ("18310000010000000000000000000000", "r1 = variable[1] ll"),
    ("18410000010000000000000000000000", "r1 = function +1 ll"),
    ("3000000004000000", "r0 = *(u8 *)skb[4]"),
    ("4810000004000000", "r0 = *(u16 *)skb[r1 + 4]"),
    ("79a1f8ff00000000", "r1 = *(u64 *)(r10 - 8)"),
    ("7121020000000000", "r1 = *(u8 *)(r2 + 2)"),
    ("9121020000000000", "r1 = *(s8 *)(r2 + 2)"),
    ("8121040000000000", "r1 = *(s32 *)(r2 + 4)"),
    ("7a0af8ff07000000", "*(u64 *)(r10 - 8) = 7"),
    ("6b2af4ff00000000", "*(u16 *)(r10 - 12) = r2"),
    ("db10000000000000", "lock *(u64 *)(r0 + 0) += r1"),
    ("c310040040000000", "lock *(u32 *)(r0 + 4) |= w1"),
    (
        "db10000001000000",
        "r1 = atomic_fetch_add((u64 *)(r0 + 0), r1)",
    ),
    (
        "db100000a1000000",
        "r1 = atomic_fetch_xor((u64 *)(r0 + 0), r1)",
    ),
    ("db100000e1000000", "r1 = xchg_64(r0 + 0, r1)"),
    ("c3100000e1000000", "w1 = xchg32_32(r0 + 0, w1)"),
    ("db210000f1000000", "r0 = cmpxchg_64(r1 + 0, r0, r2)"),
];

#[test]
fn instructions_read_as_llvm_writes_them() {
    for &(bytes, text) in CASES {
        assert_eq!(shown(bytes), text, "{bytes}");
    }
}

#[test]
fn what_is_no_instruction_says_its_bytes() {
    for bytes in [
        "0701020005000000",
        "0e00000000000000",
        "8f21000000000000",
        "bf21030000000000",
        "bc21200000000000",
        "d401000008000000",
        "df01000010000000",
        "0d00000000000000",
        "8600000000000000",
        "9d00000000000000",
        "e500000000000000",
        "3800000000000000",
        "9921000000000000",
        "9a21000000000000",
        "cb10000000000000",
        "db10000002000000",
        "18f10000010000000000000000000000",
    ] {
        assert!(shown(bytes).starts_with("(no instruction: "), "{bytes}");
    }
    // A wide load without its second half.
    assert!(shown("1801000001000000").starts_with("(no instruction: 18 01"));
}

#[test]
fn jumps_and_calls_have_targets() {
    let code = crate::bytes(
        b"18410000 03000000 00000000 00000000 0500010000000000 8510000000000000 9500000000000000
          1d210200 00000000 06000000 f8ffffff 0500f0ff00000000",
    )
    .unwrap();
    let targets: Vec<_> = listing(&code, &helpers)
        .iter()
        .map(|entry| (entry.at, entry.target))
        .collect();
    let expected = [
        (0, Some(4)),
        (2, Some(4)),
        (3, Some(4)),
        (4, None),
        (5, Some(8)),
        (6, None),
        (7, None),
    ];
    assert_eq!(targets, expected);
}
