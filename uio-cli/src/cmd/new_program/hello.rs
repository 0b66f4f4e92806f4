//! Greets.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

use alloc::borrow::Cow;
use alloc::format;

use uio_program::{Args, println};

uio_program::entry!(main);

fn main(args: Args) {
    if args.len() == 0 {
        println!("{}", greeting(None));
    }
    for arg in args {
        println!("{}", greeting(arg.to_str().ok()));
    }
}

fn greeting(name: Option<&str>) -> Cow<'static, str> {
    match name {
        Some(name) => format!("Hello, {name}!").into(),
        None => "Hello from inside!".into(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_greeted() {
        assert_eq!(super::greeting(Some("world")), "Hello, world!");
    }
}
