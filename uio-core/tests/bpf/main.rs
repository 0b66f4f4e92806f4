//! The command `bpf`, on fakes.

mod attach;
mod executables;
mod loading;
mod maps;
mod policies;
mod streams;
mod support;
