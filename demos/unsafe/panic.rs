//! Panics, in the way that the first argument says.
//!
//! SPDX-License-Identifier: MIT OR Apache-2.0
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::ffi::CStr;
use core::hint::black_box;

use uio_program::{Args, entry};

entry!(main);

fn main(mut args: Args) -> i32 {
    let numbers = black_box([1, 2, 3]);
    match args.next().map(CStr::to_bytes) {
        Some(b"index") => numbers[black_box(7)],
        Some(b"unwrap") => black_box(None::<i32>).unwrap(),
        Some(b"memory") => black_box(Vec::<u8>::with_capacity(black_box(1 << 40))).len() as i32,
        _ => panic!("index, unwrap or memory?"),
    }
}
