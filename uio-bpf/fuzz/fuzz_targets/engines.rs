//! The contract: a program ends under compiled code as it ends under the interpreter, with the same in its registers, its
//! context and its maps. The tests of the crate state the same on programs at random.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/differential/generator.rs"]
mod generator;
#[path = "../../tests/differential/lab.rs"]
mod lab;

use generator::Source;
use lab::{Engine, Lab, checked};

thread_local! {
    static LAB: RefCell<Lab> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&budget, bytes)) = bytes.split_first() else {
        return;
    };
    let budget = i64::from(budget) * 16;
    let code = generator::program(&mut Source::Bytes(bytes));
    LAB.with_borrow_mut(|lab| {
        let compiled = lab.load(&code).expect("the generator makes right programs");
        let expected = lab.run(compiled.program(), Engine::Interpreter, budget);
        if checked(expected.end) {
            return;
        }
        for engine in [Engine::Jit, Engine::Entered] {
            let found = lab.run(compiled.program(), engine, budget);
            assert!(expected == found, "{engine:?}: {expected:x?}, {found:x?}");
        }
    });
});
