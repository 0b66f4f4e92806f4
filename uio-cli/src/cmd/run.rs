//! `uio run`: starts a VM, in the foreground or in the background.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uio_console::Policy;

use super::{list, loader, logs, print, print_json};
use crate::broker::serial::{Log, last_lines};
use crate::cli::{IsolationName, PolicyName, RunArgs};
use crate::client::Client;
use crate::entry::{Claim, Entry, Published, Registry, Share};
use crate::error::{Error, Result, exit};
use crate::render::{Format, time};
use crate::vmm::{accel, cmdline, qemu, symbols};

/// What a broker is told to do; kept in the VM's directory for one in the background.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What to run.
    pub qemu: qemu::Config,
    /// Where the monitor runs, so that relative paths among its arguments mean what they meant.
    pub directory: PathBuf,
    /// The VM's name.
    pub name: String,
    /// Its socket.
    pub socket: PathBuf,
    /// Its serial log.
    pub log: PathBuf,
    /// The image's symbol index.
    pub symbols: Option<PathBuf>,
}

impl Plan {
    /// The entry of the VM, once its monitor runs as process `pid`.
    #[must_use]
    pub fn entry(&self, pid: u32) -> Entry {
        Entry {
            name: self.name.clone(),
            pid,
            broker_pid: std::process::id(),
            vmm: "qemu".to_owned(),
            accel: self.qemu.accel.as_str().to_owned(),
            socket: self.socket.clone(),
            image: self.qemu.image.clone(),
            symbols: self.symbols.clone(),
            log: self.log.clone(),
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            published: self.qemu.published.clone(),
            share: self.qemu.share.clone(),
            isolation: None,
            policy: None,
        }
    }
}

/// A share as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedShare(pub Share);

/// Reads `DIR` or `DIR:ro`.
pub(crate) fn parse_share(text: &str) -> std::result::Result<ParsedShare, String> {
    let (path, read_only) = match text.strip_suffix(":ro") {
        Some(path) => (path, true),
        None => (text.strip_suffix(":rw").unwrap_or(text), false),
    };
    if path.is_empty() {
        return Err("write DIR or DIR:ro".to_owned());
    }
    let path = PathBuf::from(path);
    Ok(ParsedShare(Share { path, read_only }))
}

/// Reads `HOST:GUEST`.
pub(crate) fn parse_publish(text: &str) -> std::result::Result<Published, String> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|&port| port != 0);
    text.split_once(':')
        .and_then(|(host, guest)| {
            Some(Published {
                host: port(host)?,
                guest: port(guest)?,
            })
        })
        .ok_or_else(|| "write HOST:GUEST, two port numbers from 1 to 65535".to_owned())
}

/// Starts a VM.
///
/// # Errors
/// [`Error::StartFailed`] when it ends at once, [`Error::NoAnswer`] when its overlay does not
/// answer in time.
pub fn run(args: RunArgs, format: Format) -> Result<u8> {
    let detach = args.detach;
    let wait = (!args.no_wait).then_some(args.wait);
    let image = absolute_file(&args.image)?;
    let stem = image
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let loader = loader::find()?;
    let registry = Registry::open()?;
    let claim = registry.claim(args.name.as_deref(), &stem)?;
    let plan = match plan(args, &claim, image, loader) {
        Ok(plan) => plan,
        Err(e) => {
            registry.release(claim);
            return Err(e);
        }
    };
    put_symbols(&plan);
    if detach {
        in_background(&registry, claim, &plan, wait, format)
    } else {
        super::broker::in_foreground(&registry, claim, &plan, format)
    }
}

fn plan(args: RunArgs, claim: &Claim, image: PathBuf, loader: PathBuf) -> Result<Plan> {
    let share = match args.share {
        Some(ParsedShare(share)) => Some(Share {
            path: absolute_dir(&share.path)?,
            ..share
        }),
        None => None,
    };
    if !args.mount.starts_with('/') {
        return Err(Error::Usage(format!(
            "--mount {}: a path in the guest begins with `/`",
            args.mount
        )));
    }
    for port in &args.publish {
        check_port(port.host)?;
    }
    let mut env = vec![("UIO_MOUNT".to_owned(), args.mount)];
    if share.is_some() {
        env.push(("UIO_SHARE".to_owned(), qemu::SHARE_TAG.to_owned()));
    }
    env.extend(args.env);
    let options = kernel_options(args.isolation, args.policy, &args.grant)?;
    let program = std::env::var_os("UIO_QEMU").map_or(PathBuf::from(qemu::PROGRAM), PathBuf::from);
    let directory = std::env::current_dir().map_err(|e| Error::io("find this directory", e))?;
    let symbols = symbols_of(&image);
    let qemu = qemu::Config {
        name: claim.name.clone(),
        program,
        loader,
        image,
        cmdline: cmdline::compose(&options, &env, &args.args)?,
        accel: accel::choose(args.accel),
        machine: args.machine,
        memory_mib: args.memory,
        smp: args.smp,
        share,
        published: args.publish,
        ioeventfd: args.ioeventfd,
        extra: args.qemu_arg,
    };
    // Refuses what QEMU cannot be told before anything is started.
    qemu.arguments(0)?;
    Ok(Plan {
        qemu,
        directory,
        name: claim.name.clone(),
        socket: claim.socket(),
        log: logs::path_of(&claim.name)?,
        symbols,
    })
}

/// What the kernel is told of programs, before the application's own arguments.
fn kernel_options(
    isolation: IsolationName,
    policy: PolicyName,
    grant: &[String],
) -> Result<Vec<String>> {
    if !grant.is_empty() && policy != PolicyName::Full {
        return Err(Error::Usage(
            "--grant takes `--policy full`: what undoes the isolation undoes every other policy"
                .to_owned(),
        ));
    }
    let mut options = vec![
        format!("uio.isolation={}", isolation.word()),
        format!("uio.policy={}", Policy::from(policy).name()),
    ];
    if !grant.is_empty() {
        options.push(format!("uio.grant={}", grant.join(",")));
    }
    Ok(options)
}

/// Refuses a port that somebody else listens on: QEMU's own words for it name neither the port's
/// user nor the mend.
fn check_port(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(e) => Err(Error::Failed(format!(
            "port {port} of this host cannot be published: {e}; choose another one, or look for \
             who has it with `ss -ltnp`"
        ))),
    }
}

/// The symbol index that `uio build` put beside an image.
fn symbols_of(image: &Path) -> Option<PathBuf> {
    [super::build::index_of(image), image.with_extension("sym")]
        .into_iter()
        .find(|path| path.is_file())
}

fn put_symbols(plan: &Plan) {
    let (Some(symbols), Some(share)) = (&plan.symbols, &plan.qemu.share) else {
        return;
    };
    if let Err(e) = symbols::install(symbols, &share.path) {
        eprintln!(
            "uio: the symbol index could not be copied to {}/{}/{}: {e}; the guest goes without \
             symbols, or with those that are there",
            share.path.display(),
            symbols::DIR,
            symbols::NAME
        );
    }
}

fn in_background(
    registry: &Registry,
    claim: Claim,
    plan: &Plan,
    wait: Option<Duration>,
    format: Format,
) -> Result<u8> {
    let mut broker = match start_broker(&claim, plan) {
        Ok(broker) => broker,
        Err(e) => {
            registry.release(claim);
            return Err(e);
        }
    };
    // From here on the broker alone holds the lock and owns the entry.
    drop(claim);
    let begun = Instant::now();
    let limit = wait.unwrap_or(Duration::from_secs(10));
    let entry = wait_for_entry(registry, plan, &mut broker, limit)?;
    if let Some(wait) = wait {
        let left = wait.saturating_sub(begun.elapsed());
        match Client::connect(&entry, left) {
            Ok(_) => {}
            Err(Error::NoAnswer { .. }) => {
                stop_broker(&mut broker);
                return Err(no_overlay(plan, wait));
            }
            Err(Error::VmEnded(_)) => {
                // The broker clears up as its last act; the name is free then.
                let _ = broker.wait();
                return Err(ended_at_once(plan));
            }
            Err(e) => return Err(e),
        }
    }
    match format {
        Format::Text => print(&started_text(&entry))?,
        Format::Json => print_json(&list::json_of(&entry))?,
    }
    Ok(exit::OK)
}

fn started_text(entry: &Entry) -> String {
    let mut text = format!(
        "{} runs ({}, {}), started {} UTC\n",
        entry.name,
        entry.vmm,
        entry.accel,
        time::date(entry.started)
    );
    for port in &entry.published {
        text.push_str(&format!(
            "port {} of the guest is 127.0.0.1:{}\n",
            port.guest, port.host
        ));
    }
    text
}

/// Starts this program again as the VM's broker: in a session of its own, its standard input the
/// entry's lock, its output the serial log.
fn start_broker(claim: &Claim, plan: &Plan) -> Result<Child> {
    let config = claim.dir.join("config.json");
    let text = serde_json::to_vec(plan).map_err(|e| Error::io("encode", io::Error::from(e)))?;
    fs::write(&config, text).map_err(|e| Error::path("write", &config, e))?;
    Log::create(&plan.log)?;
    let output = fs::OpenOptions::new()
        .append(true)
        .open(&plan.log)
        .map_err(|e| Error::path("open", &plan.log, e))?;
    let copy = |file: &File| {
        file.try_clone()
            .map_err(|e| Error::io("copy a descriptor", e))
    };
    let program = std::env::current_exe().map_err(|e| Error::io("find this program", e))?;
    Command::new(&program)
        .arg("broker")
        .arg(&claim.dir)
        .stdin(Stdio::from(copy(&claim.lock)?))
        .stdout(Stdio::from(copy(&output)?))
        .stderr(Stdio::from(output))
        .spawn()
        .map_err(|e| Error::path("start", &program, e))
}

fn wait_for_entry(
    registry: &Registry,
    plan: &Plan,
    broker: &mut Child,
    limit: Duration,
) -> Result<Entry> {
    let until = Instant::now() + limit;
    loop {
        if let Ok(entry) = registry.find(Some(&plan.name))
            && UnixStream::connect(&entry.socket).is_ok()
        {
            return Ok(entry);
        }
        if let Ok(Some(_)) = broker.try_wait() {
            return Err(ended_at_once(plan));
        }
        if Instant::now() >= until {
            stop_broker(broker);
            return Err(ended_at_once(plan));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn stop_broker(broker: &mut Child) {
    if let Some(pid) = i32::try_from(broker.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let _ = broker.wait();
}

fn ended_at_once(plan: &Plan) -> Error {
    Error::StartFailed(format!(
        "the VM `{}` ended before its overlay answered. {}",
        plan.name,
        log_tail(plan)
    ))
}

fn no_overlay(plan: &Plan, after: Duration) -> Error {
    Error::StartFailed(format!(
        "the overlay of `{}` did not answer within {} s, so the VM was stopped. Is the image built \
         with the feature `uio`? `--no-wait` runs it all the same, `--wait` gives it more time. {}",
        plan.name,
        after.as_secs_f32(),
        log_tail(plan)
    ))
}

fn log_tail(plan: &Plan) -> String {
    let tail = last_lines(&plan.log, 15);
    if tail.is_empty() {
        "It printed nothing.".to_owned()
    } else {
        format!("The end of its log ({}):\n{tail}", plan.log.display())
    }
}

fn absolute_file(path: &Path) -> Result<PathBuf> {
    let path = fs::canonicalize(path).map_err(|e| Error::path("open the image", path, e))?;
    match File::open(&path).and_then(|file| file.metadata()) {
        Ok(meta) if meta.is_file() => Ok(path),
        Ok(_) => Err(Error::Usage(format!("{} is no file", path.display()))),
        Err(e) => Err(Error::path("open the image", &path, e)),
    }
}

fn absolute_dir(path: &Path) -> Result<PathBuf> {
    let real = fs::canonicalize(path).map_err(|e| Error::path("open the share", path, e))?;
    if real.is_dir() {
        Ok(real)
    } else {
        Err(Error::Usage(format!(
            "--share {}: not a directory",
            path.display()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let share = |text| parse_share(text).unwrap().0;
        assert_eq!(share("a:ro").path, PathBuf::from("a"));
        assert!(share("a:ro").read_only);
        assert!(!share("a:rw").read_only);
        assert_eq!(share("a:b").path, PathBuf::from("a:b"));
        assert!(parse_share(":ro").is_err());
    }

    #[test]
    fn what_the_kernel_is_told_of_programs() {
        let told = |grant: &[&str], policy| {
            let grant: Vec<String> = grant.iter().map(|&class| class.to_owned()).collect();
            kernel_options(IsolationName::Pks, policy, &grant)
        };
        assert_eq!(
            told(&["halt", "port-io"], PolicyName::Full).unwrap(),
            [
                "uio.isolation=pks",
                "uio.policy=full",
                "uio.grant=halt,port-io"
            ]
        );
        assert_eq!(
            told(&[], PolicyName::Observe).unwrap(),
            ["uio.isolation=pks", "uio.policy=observe"]
        );
        let error = told(&["halt"], PolicyName::Control).unwrap_err();
        assert_eq!(error.exit_code(), exit::USAGE);
    }

    #[test]
    fn ports() {
        let port = parse_publish("8080:80").unwrap();
        assert_eq!((port.host, port.guest), (8080, 80));
        for wrong in ["80", "0:80", "80:0", "80:65536", "a:b", "1:2:3", ""] {
            assert!(parse_publish(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_index_beside_an_image_is_found() {
        let temp = crate::testing::TempDir::new();
        let image = temp.path().join("web.hermit");
        assert_eq!(symbols_of(&image), None);
        for name in ["web.sym", "web.hermit.sym"] {
            let path = temp.path().join(name);
            fs::write(&path, b"").unwrap();
            assert_eq!(symbols_of(&image), Some(path));
        }
    }
}
