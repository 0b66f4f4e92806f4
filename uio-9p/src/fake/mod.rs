//! For tests: a server in memory, and transports that misbehave on request.

mod attr;
mod carrier;
mod files;
mod names;
mod server;
mod stream;
mod tree;

pub use carrier::{Carrier, Fault};
pub use server::Server;
pub use stream::Stream;
pub use tree::Tree;
