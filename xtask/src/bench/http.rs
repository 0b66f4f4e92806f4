//! Requests to the web server while the overlay sleeps, with and without it in the image.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::image::Image;
use super::lab::Lab;
use super::report::{Figure, Goal};
use super::stats::Series;
use super::vm::Vm;
use crate::http::{LIMIT, get};
use crate::load::Load;

/// What the idle overlay may add to a request, in per cent.
const LIMIT_PERCENT: f64 = 0.1;

/// Connections that wrk keeps open.
const CONNECTIONS: u32 = 8;

/// Requests of a turn that are made one after the other.
const REQUESTS: usize = 500;

/// One image's results.
struct Side {
    vm: Vm,
    /// Guest instructions a request, under wrk.
    loaded: Series,
    /// Requests a second, under wrk.
    rate: Series,
    /// Guest instructions a request, one after the other.
    single: Series,
}

impl Side {
    fn new(lab: &Lab, image: &Image) -> Result<Self> {
        Ok(Self {
            vm: Vm::start(&lab.config(image, Some(&lab.share())))?,
            loaded: Series::new(),
            rate: Series::new(),
            single: Series::new(),
        })
    }

    /// Under wrk. The server itself says how many requests it answered.
    fn load(&mut self, time: Duration) -> Result<()> {
        let requests = self.requests()?;
        let before = self.vm.rest()?;
        // wrk is ended when the time has passed; until then it shall go on.
        let load = Load::start(self.vm.port, "/", CONNECTIONS, time.as_secs() as u32 + 60)?;
        sleep(time);
        let report = load.finish()?;
        ensure!(report.failed == 0, "{} requests failed", report.failed);
        let after = self.vm.rest()?;
        // The question for their number is a request too.
        let requests = self.requests()? - requests - 1;
        ensure!(requests != 0, "no request was answered");
        self.loaded.push((after - before) as f64 / requests as f64);
        self.rate.push(report.rate);
        Ok(())
    }

    fn requests(&self) -> Result<u64> {
        let status: Value = serde_json::from_slice(&get(self.vm.port, "/status")?.body)
            .context("/status is no JSON")?;
        let requests = status["requests"].as_u64();
        requests.with_context(|| format!("/status tells no number of requests: {status}"))
    }

    /// One request after the other, over one connection.
    fn single(&mut self) -> Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.vm.port))?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        let mut answer = vec![0; 64 * 1024];
        let mut request = || -> Result<()> {
            stream.write_all(b"GET /robots.txt HTTP/1.1\r\nHost: bench\r\n\r\n")?;
            let mut len = 0;
            // The document is one line; the answer ends with the line's end after the head.
            loop {
                let read = stream.read(&mut answer[len..])?;
                ensure!(read != 0, "the server closed the connection");
                len += read;
                let text = &answer[..len];
                let head = text.windows(4).position(|bytes| bytes == b"\r\n\r\n");
                if head.is_some_and(|at| at + 4 < len) && text.ends_with(b"\n") {
                    return Ok(());
                }
            }
        };
        request()?;
        let before = self.vm.rest()?;
        for _ in 0..REQUESTS {
            request()?;
        }
        let after = self.vm.rest()?;
        self.single.push((after - before) as f64 / REQUESTS as f64);
        Ok(())
    }
}

/// Requests with and without the overlay, in turns.
///
/// # Errors
/// When a guest does not do as it should.
pub fn figures(lab: &Lab, time: Duration) -> Result<Vec<Figure>> {
    let mut sides = [Side::new(lab, lab.without()?)?, Side::new(lab, &lab.with)?];
    for side in &mut sides {
        // What is only done once is done now.
        side.load(Duration::from_millis(300))?;
        side.single()?;
        (side.loaded, side.rate, side.single) = Default::default();
    }
    for turn in 0..lab.repetitions {
        // Neither always comes first.
        let mut order = [0, 1];
        order.rotate_left(turn % 2);
        for index in order {
            sides[index].single()?;
        }
        for index in order {
            sides[index].load(time)?;
        }
    }
    let [without, with] = sides;
    let more = |with: &Series, without: &Series| with.percent_above(without.median());
    let [single, loaded] = [
        more(&with.single, &without.single),
        more(&with.loaded, &without.loaded),
    ];
    let figure = Figure::new;
    let request = "instructions";
    Ok(vec![
        figure(
            "http.wrk.without",
            "a request under wrk, without `uio`",
            request,
            without.loaded,
        ),
        figure(
            "http.wrk.with",
            "a request under wrk, with `uio`",
            request,
            with.loaded,
        ),
        figure(
            "http.wrk.more",
            "a request under wrk, more by `uio`",
            "%",
            loaded,
        )
        .goal(Goal::AtMost(LIMIT_PERCENT)),
        figure(
            "http.rate.without",
            "rate under wrk, without `uio`",
            "1/s",
            without.rate,
        ),
        figure(
            "http.rate.with",
            "rate under wrk, with `uio`",
            "1/s",
            with.rate,
        ),
        figure(
            "http.single.without",
            "a request, one by one, without `uio`",
            request,
            without.single,
        ),
        figure(
            "http.single.with",
            "a request, one by one, with `uio`",
            request,
            with.single,
        ),
        figure(
            "http.single.more",
            "a request, one by one, more by `uio`",
            "%",
            single,
        )
        .goal(Goal::AtMost(LIMIT_PERCENT)),
    ])
}
