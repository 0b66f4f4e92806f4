//! Bad frames directly at the guest, without the broker that keeps them away.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::io::{FdFlags, fcntl_setfd};
use uio_cli::client::Client;
use uio_cli::cmd::loader;
use uio_cli::entry::{Published, Share};
use uio_cli::vmm::{Machine, accel, cmdline, qemu, spawn};
use uio_console::frame::{Deframer, decode_payload};
use uio_console::{FromGuest, MAX_FRAME, RequestId, Terms, ToGuest};

use super::super::report::Report;
use super::wire::{Noise, bad_input, close_reason, frame, hello};
use super::{PORT, World};
use crate::cleanup;
use crate::http;

/// How long the guest has to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// A guest whose console is ours.
struct Guest {
    monitor: Child,
    console: UnixStream,
    port: u16,
    /// The host's side of the share.
    share: PathBuf,
}

impl Guest {
    /// Starts QEMU as `uio run` does, with an end of a socket as the console.
    fn start(world: &World) -> Result<Self> {
        let port = http::free_port()?;
        let share = world.share("direct")?;
        let (console, theirs) = UnixStream::pair()?;
        fcntl_setfd(&theirs, FdFlags::empty())?;
        let config = qemu::Config {
            name: "direct".into(),
            program: std::env::var_os("UIO_QEMU")
                .unwrap_or_else(|| qemu::PROGRAM.into())
                .into(),
            loader: loader::find()?,
            image: world.web.path.clone(),
            cmdline: cmdline::compose(
                &[],
                &[
                    ("UIO_MOUNT".into(), "/uio".into()),
                    ("UIO_SHARE".into(), qemu::SHARE_TAG.into()),
                ],
                &[],
            )?,
            accel: accel::choose(accel::Wanted::Auto),
            machine: Machine::Pc,
            memory_mib: 128,
            smp: 1,
            share: Some(Share {
                path: share.clone(),
                read_only: false,
            }),
            published: vec![Published {
                host: port,
                guest: PORT,
            }],
            ioeventfd: false,
            extra: Vec::new(),
        };
        let arguments = config.arguments(theirs.as_raw_fd())?;
        let monitor = spawn::spawn(&config.program, &arguments, &share)?;
        cleanup::kill_at_end(monitor.id());
        let mut guest = Self {
            monitor,
            console,
            port,
            share,
        };
        guest.console.set_write_timeout(Some(LIMIT))?;
        guest.wait_for_server()?;
        Ok(guest)
    }

    /// Waits until the server says on the serial port that it listens, and reads on from there, so that the guest never waits.
    fn wait_for_server(&mut self) -> Result<()> {
        let serial = self.monitor.stdout.take().context("no serial port")?;
        let (listens, heard) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(serial).split(b'\n').map_while(Result::ok) {
                if line.starts_with(b"web: listening") {
                    // Nobody waits any more after the time limit.
                    let _ = listens.send(());
                }
            }
        });
        heard
            .recv_timeout(LIMIT)
            .context("the server does not listen")
    }

    /// Sends bytes as they are.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.console
            .write_all(bytes)
            .context("the guest takes no bytes any more")
    }

    /// Reads until the guest has been silent for `pause`.
    fn drain(&mut self, pause: Duration) -> Result<Vec<u8>> {
        self.console.set_read_timeout(Some(pause))?;
        let mut all = Vec::new();
        let mut buffer = [0; 65536];
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            match self.console.read(&mut buffer) {
                Ok(0) => anyhow::bail!("QEMU closed the console"),
                Ok(count) => all.extend(buffer.get(..count).unwrap_or_default()),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(all);
                }
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::bail!("the guest never stops sending")
    }

    /// Whether the application answers, and the overlay opens a session and serves it.
    fn serves(&mut self) -> Result<()> {
        let page = http::get(self.port, "/")?;
        ensure!(page.status == 200, "the server answers {}", page.head);
        // What an attaching host sends: a zero that ends whatever came before, and its hello.
        self.send(&[0])?;
        let stream = self.console.try_clone()?;
        let mut client = Client::over("direct", stream, LIMIT).context("open a session")?;
        let answer = client.run_within(&["version"], Some(LIMIT))?;
        ensure!(answer.status == 0, "`version` ended with {}", answer.status);
        drop(client);
        self.console.set_nonblocking(false)?;
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
        cleanup::forget(self.monitor.id());
    }
}

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    let Some(mut guest) = report.check("a guest without a broker serves", || {
        let mut guest = Guest::start(world)?;
        guest.serves()?;
        Ok(guest)
    }) else {
        return;
    };
    let mut check = |name: &str, test: &mut dyn FnMut(&mut Guest) -> Result<()>| {
        report.check(&format!("directly at the guest: {name}"), || {
            test(&mut guest)?;
            guest.serves().context("afterwards")
        });
    };
    let bad = bad_input().unwrap_or_default();
    for (name, bytes, reason) in &bad {
        check(name, &mut |guest| {
            guest.send(&[0])?;
            guest.send(bytes)?;
            let answer = guest.drain(Duration::from_millis(300))?;
            let found = close_reason(&answer);
            ensure!(
                found == Some(*reason),
                "closed with {found:?}, not {reason:?}"
            );
            Ok(())
        });
    }
    check("random bytes", &mut |guest| {
        for seed in 100..120 {
            let mut noise = Noise::new(seed);
            let len = 1 + noise.below(10_000);
            guest.send(&noise.bytes(len))?;
            guest.drain(Duration::from_millis(30))?;
        }
        Ok(())
    });
    check("random bytes within a session", &mut |guest| {
        for seed in 200..220 {
            let mut noise = Noise::new(seed);
            guest.send(&[0])?;
            guest.send(&hello()?)?;
            let len = 1 + noise.below(2000);
            guest.send(&noise.bytes(len))?;
            guest.drain(Duration::from_millis(30))?;
        }
        Ok(())
    });
    check("a host that never reads", &mut never_reads);
    check("a host that reads slowly", &mut reads_slowly);
    check(
        "a command line of 65 arguments, and one of 2000 bytes",
        &mut long_arguments,
    );
    check(
        "credit and input for requests that do not exist",
        &mut |guest| {
            guest.send(&[0])?;
            guest.send(&hello()?)?;
            for id in 0..50 {
                let id = RequestId(id);
                guest.send(&frame(&ToGuest::Credit {
                    id,
                    bytes: u32::MAX,
                })?)?;
                guest.send(&frame(&ToGuest::Stdin { id, data: b"x" })?)?;
                guest.send(&frame(&ToGuest::Interrupt { id })?)?;
            }
            let found = close_reason(&guest.drain(Duration::from_millis(200))?);
            ensure!(found.is_none(), "closed with {found:?}");
            Ok(())
        },
    );
}

/// Asks for much and reads nothing, while the application must go on serving.
fn never_reads(guest: &mut Guest) -> Result<()> {
    guest.send(&[0])?;
    guest.send(&hello()?)?;
    for id in 1..5 {
        guest.send(&frame(&ToGuest::Exec {
            id: RequestId(id),
            credit: u32::MAX,
            terms: Terms::default(),
            argv: b"log\0-f\0",
        })?)?;
        guest.send(&frame(&ToGuest::Exec {
            id: RequestId(100 + id),
            credit: u32::MAX,
            terms: Terms::default(),
            argv: b"hexdump\0/uio/.uio/symbols\0",
        })?)?;
    }
    for _ in 0..20 {
        let page = http::get(guest.port, "/")?;
        ensure!(page.status == 200, "the server answers {}", page.head);
    }
    // Opening a new session interrupts them all; what was sent until then must be read first.
    guest.send(&hello()?)?;
    guest.drain(Duration::from_millis(500)).map(|_| ())
}

/// Credit of a request whose output is read slowly: QEMU drops what the socket does not take, so a host gives no more credit
/// than fits there.
const WINDOW: u32 = 24 * 1024;

/// Takes its time over much output of two requests; nothing of it may be lost.
fn reads_slowly(guest: &mut Guest) -> Result<()> {
    let bytes = Noise::new(5).bytes(300_000);
    std::fs::write(guest.share.join("noise"), &bytes)?;
    guest.send(&[0])?;
    guest.send(&hello()?)?;
    for id in 1..3 {
        guest.send(&frame(&ToGuest::Exec {
            id: RequestId(id),
            credit: WINDOW,
            terms: Terms::default(),
            argv: b"cat\0/uio/noise\0",
        })?)?;
    }
    guest.console.set_read_timeout(Some(LIMIT))?;
    let mut outputs = [Vec::<u8>::new(), Vec::new()];
    let mut ended = 0;
    let mut deframer = Deframer::new();
    let mut buffer = [0; 4096];
    while ended < outputs.len() {
        thread::sleep(Duration::from_micros(500));
        let count = guest
            .console
            .read(&mut buffer)
            .context("output is missing")?;
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            let (used, item) = deframer.next(rest);
            rest = rest.get(used..).unwrap_or_default();
            let Some(payload) = item.transpose().map_err(|error| anyhow!("{error:?}"))? else {
                continue;
            };
            match decode_payload(payload).map_err(|error| anyhow!("{error:?}"))? {
                FromGuest::Stdout { id, data } => {
                    if let Some(output) = (id.0 as usize)
                        .checked_sub(1)
                        .and_then(|at| outputs.get_mut(at))
                    {
                        output.extend(data);
                    }
                    // As much as any frame may have cost.
                    let bytes = MAX_FRAME as u32 + 512;
                    guest.send(&frame(&ToGuest::Credit { id, bytes })?)?;
                }
                FromGuest::Exit { .. } => ended += 1,
                _ => {}
            }
        }
    }
    for output in outputs {
        ensure!(
            output == bytes,
            "{} of {} bytes came",
            output.len(),
            bytes.len()
        );
    }
    Ok(())
}

fn long_arguments(guest: &mut Guest) -> Result<()> {
    guest.send(&[0])?;
    guest.send(&hello()?)?;
    let long = [b"cat\0".as_slice(), &[b'x'; 2000], b"\0"].concat();
    for argv in [
        b"ls\0".repeat(65),
        long,
        b"unterminated".to_vec(),
        Vec::new(),
    ] {
        guest.send(&frame(&ToGuest::Exec {
            id: RequestId(1),
            credit: 4096,
            terms: Terms::default(),
            argv: &argv,
        })?)?;
        let found = close_reason(&guest.drain(Duration::from_millis(200))?);
        ensure!(
            found.is_none(),
            "closed with {found:?} for a bad command line"
        );
    }
    Ok(())
}
