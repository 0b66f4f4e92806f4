//! What holds for the scanner whatever bytes it is given. The fuzz target states the same.

use uio_mpk::scan::{self, Classes, Found, length};

use crate::oracle::{self, Search};

/// The bytes from `at` on, and zeroes behind them.
fn window(code: &[u8], at: usize) -> [u8; length::WINDOW] {
    std::array::from_fn(|index| code.get(at + index).copied().unwrap_or(0))
}

/// Everything that is found at every byte.
pub fn all_anywhere(code: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(found) = scan::anywhere(&code[from..], Classes::NONE) {
        let offset = from + found.offset;
        all.push(Found { offset, ..found });
        from = offset + 1;
    }
    all
}

/// Checks all of it.
///
/// # Panics
/// If it does not hold.
pub fn check(code: &[u8]) {
    each_byte(code);
    order(code);
    both(code);
}

/// Decoder and search at every byte agree with the disassembler.
fn each_byte(code: &[u8]) {
    let all = all_anywhere(code);
    let mut next = 0;
    for at in 0..code.len() {
        while all.get(next).is_some_and(|found| found.offset < at) {
            next += 1;
        }
        let whole = window(code, at);
        let step = length::decode(&whole);
        let found = all.get(next);
        let Some(instruction) = oracle::decode(&whole) else {
            assert!(
                found.is_none_or(|found| found.offset != at),
                "{found:?} is none: {whole:02x?}"
            );
            continue;
        };
        let len = instruction.len();
        assert_eq!(usize::from(step.len), len, "{instruction} {whole:02x?}");
        let class = oracle::class(&instruction);
        let in_order = class.filter(|(_, search)| *search == Search::InOrder);
        assert_eq!(
            step.class,
            in_order.map(|(class, _)| class),
            "{instruction} {whole:02x?}"
        );
        if let Some(found) = found.filter(|found| found.offset == at) {
            let (class, search) = class.expect("what is found is a refused instruction");
            assert_eq!(
                (found.class, search),
                (class, Search::Anywhere),
                "{instruction}"
            );
            let there = code.len() - at;
            assert_eq!(usize::from(found.len), len.min(there), "{instruction}");
        } else if let Some((class, Search::Anywhere)) = class
            && at + len <= code.len()
        {
            // Prefixes that it does not need come before what is found.
            let found = found.filter(|found| found.offset < at + len);
            let found = found.unwrap_or_else(|| panic!("not found at {at}: {instruction}"));
            assert_eq!(found.class, class, "{instruction}");
        }
    }
}

/// The search in order finds the first instruction that the decoder gives a class to.
fn order(code: &[u8]) {
    let mut at = 0;
    let mut first = None;
    while at < code.len() && first.is_none() {
        let step = length::decode(&window(code, at));
        first = step.class.map(|class| Found {
            offset: at,
            len: step.len.min((code.len() - at).min(length::MAX) as u8),
            class,
            within: 0,
        });
        at += usize::from(step.len.max(1));
    }
    assert_eq!(scan::in_order(code, Classes::NONE), first);
}

/// The scan gives what comes first, and where the instruction begins that has it inside; what is
/// granted is not found.
fn both(code: &[u8]) {
    let one = scan::anywhere(code, Classes::NONE);
    let other = scan::in_order(code, Classes::NONE);
    let found = scan::scan(code, Classes::NONE);
    let first = one
        .into_iter()
        .chain(other)
        .min_by_key(|found| found.offset);
    assert_eq!(found.map(|found| Found { within: 0, ..found }), first);
    let Some(found) = found else {
        return;
    };
    let start = found.offset - usize::from(found.within);
    let around = length::decode(&window(code, start));
    assert!(
        found.within == 0 || around.len > found.within,
        "{found:?} {around:?}"
    );
    let granted = Classes::NONE.with(found.class);
    let later = scan::scan(code, granted);
    assert!(later.is_none_or(|later| later.class != found.class && later.offset >= found.offset));
    assert_eq!(scan::scan(code, Classes::ALL), None);
}
