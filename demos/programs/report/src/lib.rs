//! What the web server counted, as one JSON object: in all, and for the documents that are named.
//!
//! ```text
//! uio cc demos/programs/report -o report.o
//! uio exec web -- run /uio/report.o / /style.css | jq .documents
//! ```
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod image;
mod json;

use core::sync::atomic::Ordering;

use json::Object;
use uio_program::{Args, clock, println};

uio_program::entry!(main);

fn main(documents: Args) {
    let mut counts = Object::new();
    for path in documents {
        // What is no UTF-8 is no path of a document.
        if let Ok(name) = path.to_str() {
            counts.number(name, image::requests_of(path));
        }
    }
    let mut report = Object::new();
    report.number("uptime_ms", clock::since_boot().as_millis() as u64);
    report.number("requests", image::web_requests.load(Ordering::Relaxed));
    report.number("bytes", image::web_bytes.load(Ordering::Relaxed));
    report.object("documents", counts);
    println!("{}", report.end());
}
