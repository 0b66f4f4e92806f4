//! A web server for the Hermit unikernel, on nothing but `std`.
//!
//! One thread serves all connections from one `poll` loop ([`server`]); a second one ([`control`])
//! keeps the time and reads the configuration again; closing, which blocks on Hermit until the peer
//! agrees, has threads of its own ([`closer`]). What HTTP is lives in modules that do no input or
//! output at all: [`conn`] turns bytes into bytes.
//!
//! | module | what |
//! |---|---|
//! | [`config`], [`site`], [`document`] | what is served, and how it is told to the server |
//! | [`request`], [`target`], [`body`] | reading requests |
//! | [`answer`], [`range`], [`etag`], [`response`], [`out`] | answering them |
//! | [`conn`] | one connection as a state machine |
//! | [`server`], [`listener`], [`wake`], [`closer`], [`control`] | sockets, threads, time |
//! | [`log`], [`access`], [`clock`] | what is written to `/var/log` |
//! | [`stats`], [`exports`] | what the server counts, and what loaded programs see of it |
//! | [`probes`] | where eBPF programs look at requests and decide on them |
//! | [`signals`] | `kill HUP` |

pub mod access;
mod alarm;
pub mod answer;
pub mod body;
pub mod clock;
pub mod closer;
pub mod config;
pub mod conn;
pub mod control;
pub mod document;
pub mod etag;
pub mod exports;
pub mod listener;
pub mod log;
pub mod out;
pub mod probes;
pub mod range;
pub mod request;
pub mod response;
pub mod server;
pub mod signals;
pub mod site;
pub mod stats;
mod sys;
pub mod target;
pub mod wake;
