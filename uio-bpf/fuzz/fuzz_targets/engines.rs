//! The contract: a program ends under compiled code as it ends under the interpreter, with the same in its registers, its
//! context and its maps. The tests of the crate state the same on programs at random.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/differential/generator.rs"]
#[allow(dead_code, reason = "the tests make programs of seeds, too")]
mod generator;
#[path = "../../tests/differential/lab.rs"]
mod lab;

thread_local! {
    static LAB: RefCell<lab::Lab> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    LAB.with_borrow_mut(|lab| lab::compare(lab, bytes));
});
