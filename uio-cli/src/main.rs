//! uio-cli
fn main() {}
