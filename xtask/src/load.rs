//! Load on the web server: wrk, and what it reports.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::Running;

/// The load generator.
pub const PROGRAM: &str = "wrk";

/// wrk at work.
#[derive(Debug)]
pub struct Load {
    running: Running,
    line: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Requests answered.
    pub requests: u64,
    /// Requests answered a second.
    pub rate: f64,
    /// Requests that failed: errors of sockets, and answers that are no success.
    pub failed: u64,
    /// The time in which 99 of 100 requests were answered.
    pub p99: Duration,
}

impl Load {
    /// Asks for `path` over `connections` connections, for at most `seconds`.
    ///
    /// # Errors
    /// When wrk does not start.
    pub fn start(port: u16, path: &str, connections: u32, seconds: u32) -> Result<Self> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let mut wrk = Command::new(PROGRAM);
        wrk.args(["-t", "1", "--latency", "--timeout", "20s"])
            .args(["-c", &connections.to_string()])
            .args(["-d", &format!("{seconds}s")])
            .arg(&url);
        Ok(Self {
            running: Running::start(&mut wrk)?,
            line: format!("{PROGRAM} -t 1 -c {connections} {url}"),
        })
    }

    /// What a user would type.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Ends it early, as Ctrl-C does, and reads its report.
    ///
    /// # Errors
    /// When it had ended before, or its report cannot be read.
    pub fn finish(mut self) -> Result<Report> {
        ensure!(
            self.running.is_running(),
            "{PROGRAM} ended before what was to be done under its load was done"
        );
        self.running.signal(rustix::process::Signal::INT);
        let output = self.running.finish(Duration::from_secs(30), self.line)?;
        parse(&output.text()).with_context(|| {
            format!(
                "{PROGRAM} reported: {}{}",
                output.text(),
                output.complaint()
            )
        })
    }
}

/// Reads wrk's report.
fn parse(report: &str) -> Result<Report> {
    let mut requests = None;
    let mut rate = None;
    let mut failed = 0;
    let mut p99 = None;
    for line in report.lines().map(str::trim) {
        if let Some(count) = line
            .split(" requests in ")
            .next()
            .filter(|_| line.contains(" requests in "))
        {
            requests = count.parse().ok();
        } else if let Some(time) = line.strip_prefix("99%") {
            p99 = duration(time.trim());
        } else if let Some(number) = line.strip_prefix("Requests/sec:") {
            rate = number.trim().parse().ok();
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            failed += count.trim().parse::<u64>()?;
        } else if let Some(list) = line.strip_prefix("Socket errors:") {
            for part in list.split(',') {
                let count = part.split_whitespace().next_back();
                failed += count.context("no count")?.parse::<u64>()?;
            }
        }
    }
    Ok(Report {
        requests: requests.context("no number of requests")?,
        rate: rate.context("no rate")?,
        failed,
        p99: p99.context("no 99th percentile of the latency")?,
    })
}

/// Reads a time as wrk writes it: `5.51ms`.
fn duration(text: &str) -> Option<Duration> {
    // The longer endings first: all end as the next.
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Running 1s test @ http://127.0.0.1:8080/
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.26ms  430.06us   5.51ms   83.10%
    Req/Sec     1.60k   118.96     1.78k    70.00%
  Latency Distribution
     50%    1.21ms
     75%    1.40ms
     90%    1.71ms
     99%    2.93ms
  1753 requests in 1.10s, 1.24MB read
";

    #[test]
    fn a_report_is_read() {
        let good = format!("{REPORT}Requests/sec:   1593.34\nTransfer/sec:      1.13MB\n");
        let report = parse(&good).unwrap();
        assert_eq!((report.requests, report.failed), (1753, 0));
        assert!((report.rate - 1593.34).abs() < 1e-6);
        assert_eq!(report.p99, Duration::from_micros(2_930));
    }

    #[test]
    fn times_are_read() {
        for (text, micros) in [
            ("430.06us", Some(430)),
            ("1.02s", Some(1_020_000)),
            ("1.50m", Some(90_000_000)),
            ("-1.00s", None),
            ("soon", None),
        ] {
            let read = duration(text).map(|time| time.as_micros());
            assert_eq!(read, micros, "{text}");
        }
    }

    #[test]
    fn failures_are_added_up() {
        let bad = format!(
            "{REPORT}  Socket errors: connect 1, read 2, write 3, timeout 4\n  \
             Non-2xx or 3xx responses: 5\nRequests/sec:   1593.34\n"
        );
        assert_eq!(parse(&bad).unwrap().failed, 15);
        assert!(parse("unable to connect").is_err());
    }
}
