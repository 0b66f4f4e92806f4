//! Says hello, shows its arguments and processors, and ends with the status it is asked for.
//!
//! ```text
//! hello [--exit STATUS] [ARGUMENT]…
//! ```

#[cfg(target_os = "hermit")]
use hermit as _;

use std::process::ExitCode;
use std::thread;

/// Numbers that each thread adds up.
const NUMBERS: u64 = 100_000;

fn main() -> ExitCode {
    let mut status = 0;
    let mut arguments = std::env::args().skip(1);
    println!("hello: from {}", std::env::consts::OS);
    while let Some(argument) = arguments.next() {
        if argument == "--exit" {
            status = arguments
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(2);
        } else {
            println!("hello: argument {argument}");
        }
    }
    let processors = thread::available_parallelism().map_or(1, usize::from);
    println!("hello: {processors} processors");
    println!("hello: sum {}", sum(processors));
    ExitCode::from(status)
}

/// Adds up the numbers below [`NUMBERS`] on a thread for each processor; gives the sum of all threads.
fn sum(threads: usize) -> u64 {
    let workers: Vec<_> = (0..threads)
        .map(|_| thread::spawn(|| (0..NUMBERS).sum::<u64>()))
        .collect();
    workers
        .into_iter()
        .map(|worker| worker.join().unwrap_or_default())
        .sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_thread_counts() {
        assert_eq!(super::sum(3), 3 * 4_999_950_000);
    }
}
