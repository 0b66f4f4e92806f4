//! Requests to a guest: what subcommands of `uio bpf`, and `bpf` in `uio shell`, become.
//!
//! The guest takes bundles, offsets and bytes; objects, patterns and typed values are the client's to translate.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use uio_bpf_object::Object;

use super::words::Spot;
use super::{attach, load, values};
use crate::cli::PolicyName;
use crate::client::Client;
use crate::client::drive::{Drive, Ending, Input, Stdin, drive};
use crate::cmd::exec::{How, exit_code};
use crate::cmd::symbols::HostSymbols;
use crate::cmd::{ANSWER_TIME, with_output};
use crate::entry::{Entry, Registry};
use crate::error::{Error, Result};
use crate::render::{Format, Renderer, complain};
use crate::signals;
use crate::trace::guest::file;

/// Which VM is meant.
#[derive(Clone, Debug, Args)]
pub struct Vm {
    /// The VM; not needed when exactly one runs.
    #[arg(long, value_name = "NAME")]
    pub vm: Option<String>,
    /// Lower what this session may do. What the VM was started with cannot be raised.
    #[arg(long, value_enum)]
    pub policy: Option<PolicyName>,
}

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) input: Given,
    /// The object that it loads.
    pub(crate) object: Option<Box<Object>>,
}

/// Standard input of a request.
#[derive(Debug, Default)]
pub(crate) enum Given {
    /// There is none.
    #[default]
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// That of this process.
    Own,
}

impl Request {
    /// A request of these words; its input is this process's where one of them is `-`.
    pub(crate) fn new<S: AsRef<str>>(words: &[S]) -> Self {
        let argv = words.iter().map(|word| word.as_ref().as_bytes().to_vec());
        let own = words.iter().any(|word| word.as_ref() == "-");
        Self {
            argv: argv.collect(),
            input: if own { Given::Own } else { Given::Nothing },
            object: None,
        }
    }

    /// The same, with that input.
    pub(crate) fn with(mut self, bytes: Vec<u8>) -> Self {
        self.input = Given::Bytes(bytes);
        self
    }

    /// Whether it may read the standard input of this process.
    pub(crate) fn may_read(&mut self, own: bool) {
        if !own && matches!(self.input, Given::Own) {
            self.input = Given::Nothing;
        }
    }

    /// An instruction of the object that it loads.
    fn spot(&self, program: &str, at: u32) -> Option<Spot> {
        let object = self.object.as_deref()?;
        let programs = object.bundle.programs.iter();
        let mut programs = programs.zip(&object.debug.programs);
        let (def, debug) = programs.find(|(def, _)| def.name == program)?;
        Some(Spot::find(&def.code, Some(debug), at))
    }
}

/// A VM that is asked.
pub(crate) struct Asked<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) vm: &'a Entry,
    pub(crate) symbols: &'a HostSymbols,
    pub(crate) format: Format,
}

/// Asks a VM from the command line; the exit code is that of the last request.
///
/// # Errors
/// [`Error::NoVm`] and its kin, and what the request runs into before it reaches the guest.
pub(super) fn run(
    vm: &Vm,
    format: Format,
    prepare: impl FnOnce(&mut Asked<'_>) -> Result<Vec<Request>>,
) -> Result<u8> {
    let entry = Registry::open()?.find(vm.vm.as_deref())?;
    let mut client = Client::connect(&entry, ANSWER_TIME)?;
    if let Some(policy) = vm.policy {
        client.session().lower(policy.into());
    }
    let symbols = HostSymbols::new(entry.symbols.clone(), &client.guest().build_id);
    let mut asked = Asked {
        client: &mut client,
        vm: &entry,
        symbols: &symbols,
        format,
    };
    let requests = prepare(&mut asked)?;
    let mut interrupts = signals::interrupts()?;
    let how = How {
        format,
        verbose: false,
    };
    let ending = perform(&mut asked, &requests, Some(&mut interrupts), how)?;
    Ok(exit_code(ending))
}

/// As [`run`], for requests that need nothing prepared.
///
/// # Errors
/// As [`run`].
pub(super) fn say<S: AsRef<str>>(vm: &Vm, format: Format, words: &[S]) -> Result<u8> {
    run(vm, format, |_| Ok(vec![Request::new(words)]))
}

/// What a line of the shell becomes.
///
/// # Errors
/// What is wrong with it, as far as the client sees it.
pub(crate) fn prepare(asked: &mut Asked<'_>, words: &[String]) -> Result<Vec<Request>> {
    match words.get(1).map(String::as_str) {
        Some("load") => load::in_shell(asked, words),
        Some("attach") => attach::expand(asked, words),
        Some("map") => values::typed(asked, words),
        _ => Ok(vec![Request::new(words)]),
    }
}

/// Makes requests one after the other, until one fails, and shows what is answered.
///
/// # Errors
/// See [`drive`].
pub(crate) fn perform(
    asked: &mut Asked<'_>,
    requests: &[Request],
    mut interrupts: Option<&mut std::os::unix::net::UnixStream>,
    how: How,
) -> Result<Ending> {
    let Some(first) = requests.first() else {
        return Ok(Ending::Status(0));
    };
    let near = |name: &[u8]| asked.symbols.near(name);
    let named = |offset| asked.symbols.name(offset);
    let spot = |program: &str, at| first.spot(program, at);
    with_output(how.format, |output| {
        let mut renderer = Renderer::new(output, &first.argv);
        renderer.near_matches(&near);
        renderer.names(&named);
        renderer.instructions(&spot);
        let mut ending = Ok(Ending::Status(0));
        for request in requests {
            let mut own = Stdin;
            let mut bytes = match &request.input {
                Given::Bytes(bytes) => Some(file(bytes)?),
                _ => None,
            };
            let stdin: Option<&mut dyn Input> = match &request.input {
                Given::Nothing => None,
                Given::Own => Some(&mut own),
                Given::Bytes(_) => bytes.as_mut().map(|bytes| bytes as &mut dyn Input),
            };
            let with = Drive {
                stdin,
                interrupts: interrupts.as_deref_mut(),
                timeout: None,
                announce: false,
            };
            ending = drive(asked.client, &request.argv, with, &mut |message| {
                renderer.message(message);
                !renderer.is_broken()
            });
            if !matches!(ending, Ok(Ending::Status(0))) {
                break;
            }
        }
        let status = match &ending {
            Ok(Ending::Status(status)) => *status,
            _ => 1,
        };
        match renderer.finish(status) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::io("write to standard output", e))
            }
            _ => ending,
        }
    })
}

impl Asked<'_> {
    /// Says something that is no failure.
    pub(crate) fn note(&self, words: &str) {
        // Nobody to tell it to is none either.
        let _ = complain(&mut io::stderr(), self.format, &format!("note: {words}"));
    }

    /// The file of the host behind a path in the guest.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is not below the share.
    pub(super) fn on_host(&self, path: &str) -> Result<PathBuf> {
        let Some(share) = &self.vm.share else {
            return Err(Error::Usage(
                "no share is attached; start the VM with `uio run --share DIR`, or load with `uio bpf load FILE`".to_owned(),
            ));
        };
        let mount = &self.client.guest().share;
        let below = match path.strip_prefix('/') {
            None => Some(path),
            Some(_) => Path::new(path)
                .strip_prefix(mount)
                .ok()
                .and_then(Path::to_str),
        };
        let plain = |below: &&str| {
            let mut parts = Path::new(below).components();
            parts.all(|part| {
                matches!(
                    part,
                    std::path::Component::Normal(_) | std::path::Component::CurDir
                )
            })
        };
        match below.filter(plain) {
            Some(below) => Ok(share.path.join(below)),
            None => Err(Error::Usage(format!(
                "{path}: objects are loaded from the share ({mount}); copy it there, or load it with `uio bpf load FILE`"
            ))),
        }
    }
}
