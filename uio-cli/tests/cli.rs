//! The command line from end to end, with a program in QEMU's place that holds the guest's real
//! engine.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A user of `uio`, with directories of its own.
struct User {
    dir: PathBuf,
    monitor: PathBuf,
}

impl User {
    /// A user whose QEMU runs this shell script after it has printed a line on the serial line;
    /// `$fake` is the program with the engine, `$fd` the console's descriptor.
    fn with_monitor(script: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("uio-cli-e2e-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        for name in ["run", "state", "share"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let monitor = dir.join("monitor");
        let fake = fake_monitor();
        let text = format!(
            "#!/bin/bash\nfake='{}'\nfor arg; do case $arg in socket,id=uio,fd=*) fd=${{arg##*=}};; \
             esac; done\nprintf '%s\\n' \"$@\" > \"$0.args\"\necho booting\n{script}\n",
            fake.display()
        );
        fs::write(&monitor, text).unwrap();
        fs::set_permissions(&monitor, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.join("web"), b"image").unwrap();
        Self { dir, monitor }
    }

    fn new() -> Self {
        Self::with_monitor("eval \"exec \\\"$fake\\\" <&$fd >&$fd\"")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uio"));
        command
            .args(args)
            .env("XDG_RUNTIME_DIR", self.dir.join("run"))
            .env("XDG_STATE_HOME", self.dir.join("state"))
            .env("UIO_QEMU", &self.monitor)
            .env("UIO_LOADER", self.dir.join("web"))
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    fn uio(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed; returns what it printed.
    fn text(&self, args: &[&str]) -> String {
        let output = self.uio(args);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[&["--output", "json"], args].concat())).unwrap()
    }

    /// Runs a command that must end with `code`; returns its complaint.
    fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.uio(args);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {complaint}");
        complaint
    }

    fn start(&self) -> Value {
        self.json(&["run", "--detach", "web"])
    }

    fn entry(&self, name: &str) -> PathBuf {
        self.dir.join("run/uio").join(name)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Ok(Value::Array(entries)) =
            serde_json::from_slice(&self.uio(&["list", "--output", "json"]).stdout)
        {
            for entry in entries {
                let name = entry["name"].as_str().unwrap_or_default().to_owned();
                self.uio(&["stop", "--timeout", "0", &name]);
            }
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Cargo builds examples for tests, beside the directory of the tests themselves.
fn fake_monitor() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let fake = tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples/fake-monitor");
    assert!(fake.is_file(), "{} is not built", fake.display());
    fake
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_vm_from_run_to_stop() {
    let user = User::new();
    let entry = user.start();
    assert_eq!(entry["name"], "web");
    assert_eq!(entry["vmm"], "qemu");
    let socket = PathBuf::from(entry["socket"].as_str().unwrap());
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&user.dir.join("run/uio")), 0o700);

    let list = user.json(&["list"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["pid"], entry["pid"]);
    assert!(user.text(&["list"]).contains("web"));

    assert_eq!(
        user.text(&["exec", "web", "--", "cat", "/hello"]),
        "hello from the guest\n"
    );
    assert_eq!(
        user.text(&["exec", "--", "cat", "/hello"]),
        "hello from the guest\n"
    );
    assert!(user.json(&["exec", "--", "ps"]).is_array());
    assert!(user.json(&["exec", "--", "free"]).is_object());
    assert_eq!(
        user.fails(1, &["exec", "--", "cat", "/none"]),
        "cat: /none: No such file or directory\n"
    );
    user.fails(3, &["exec", "--", "exit", "3"]);
    assert!(user.text(&["logs", "web"]).starts_with("booting\n"));

    user.text(&["stop", "web", "--timeout", "1"]);
    assert_eq!(user.json(&["list"]), serde_json::json!([]));
    assert!(!user.entry("web").exists());
    assert!(
        user.text(&["logs", "web"]).starts_with("booting\n"),
        "the log stays"
    );
}

#[test]
fn standard_input_goes_to_the_command_that_asks_for_it() {
    let user = User::new();
    user.start();
    let mut cat = user
        .command(&["exec", "web", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let mut stdin = cat.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = thread::spawn(move || stdin.write_all(&sent).unwrap());
    let output = cat.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.stdout == bytes && output.status.success());

    // A command that reads nothing leaves the input of a script alone.
    let script = format!("'{}' exec web -- exit 0; cat", env!("CARGO_BIN_EXE_uio"));
    let mut shell = Command::new("sh");
    let mut shell = shell
        .args(["-c", &script])
        .env("XDG_RUNTIME_DIR", user.dir.join("run"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(b"for cat\n").unwrap();
    assert_eq!(shell.wait_with_output().unwrap().stdout, b"for cat\n");
}

#[test]
fn ctrl_c_interrupts_the_command_alone() {
    let user = User::new();
    user.start();
    let mut cat = user
        .command(&["exec", "web", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Waiting for the process would close what it reads from.
    let mut stdin = cat.stdin.take().unwrap();
    stdin.write_all(b"on\n").unwrap();
    let mut byte = [0; 3];
    std::io::Read::read_exact(cat.stdout.as_mut().unwrap(), &mut byte).unwrap();
    let kill = Command::new("kill")
        .args(["-INT", &cat.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(cat.wait().unwrap().code(), Some(130));
    let mut cat = user
        .command(&["exec", "web", "--timeout", "0.1", "--", "cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let _stdin = cat.stdin.take();
    assert_eq!(cat.wait().unwrap().code(), Some(124));
    user.fails(0, &["exec", "web", "--", "exit"]);
}

#[test]
fn the_shell_runs_scripts() {
    let user = User::new();
    user.start();
    let script = "# a comment\n\ncat /hello\nnonsense\ncat '/hel'lo\n'open\nexit 5\ncat /hello\n";
    let mut shell = user
        .command(&["shell"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = shell.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out, "hello from the guest\nhello from the guest\n");
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains("nonsense: the guest has no such command"),
        "{err}"
    );
    assert!(err.contains("a quote is not closed"), "{err}");
}

impl User {
    /// Status, standard output and standard error of a shell that runs a script.
    fn script(&self, args: &[&str], script: &str) -> (Option<i32>, String, String) {
        let mut shell = self
            .command(&[&["shell"], args].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = shell.stdin.take().unwrap();
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        let output = shell.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

#[test]
fn jobs_run_in_the_background() {
    let user = User::new();
    user.start();
    // The first does not end by itself; the second does, as its input is at its end.
    let script = "log -f &\ncat &\njobs\nkill %1\nwait\nexit 7\n";
    let (status, out, err) = user.script(&[], script);
    assert_eq!(status, Some(7), "{err}");
    assert!(out.contains("%1") && out.contains("log"), "{out}");
    for notice in [
        "[%1] log -f\n",
        "[%2] cat\n",
        "[%2] cat done\n",
        "[%1] log -f interrupted\n",
    ] {
        assert!(err.contains(notice), "{notice}: {err}");
    }
    assert!(!err.contains("will be ended"), "{err}");
}

#[test]
fn leaving_a_shell_ends_its_jobs_and_says_so() {
    let user = User::new();
    user.start();
    let (status, _, err) = user.script(&[], "cat /hello & \nlog -f&\nexit 3\n");
    assert_eq!(status, Some(3));
    assert!(err.contains("1 job runs and will be ended"), "{err}");
    let until = Instant::now() + Duration::from_secs(10);
    while user.text(&["exec", "--", "jobs"]).contains("log") {
        assert!(Instant::now() < until, "the job goes on");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_job_comes_to_the_foreground() {
    let user = User::new();
    user.start();
    let (status, _, err) = user.script(&[], "cat /none &\nfg\n");
    assert_eq!(status, Some(1), "{err}");
    assert!(err.contains("[%1] cat /none exit 1\n"), "{err}");
    let (status, out, err) = user.script(&[], "cat /hello &\nfg %99\nfg %2\n");
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(out, "hello from the guest\n");
    assert!(err.contains("no such job"), "{err}");
    let (status, _, err) = user.script(&["--output", "json"], "cat /hello &\nwait\n");
    assert_eq!(status, Some(0));
    let events: Vec<Value> = err
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "started");
    assert_eq!(events[0]["command"], "cat /hello");
    assert_eq!(events[1]["status"], 0);
}

#[test]
fn a_policy_is_lowered_for_a_session() {
    let user = User::new();
    user.start();
    let policy = |args: &[&str]| user.text(&[args, &["--", "policy"]].concat());
    let in_force = |session| format!("machine  full\nsession  {session}\n");
    assert_eq!(policy(&["exec"]), in_force("full"));
    assert_eq!(
        policy(&["exec", "--policy", "observe"]),
        in_force("observe")
    );
    let script = "policy control\npolicy\npolicy full\npolicy observe &\nwait\npolicy\n";
    let (status, out, err) = user.script(&[], script);
    assert_eq!(status, Some(0));
    let control = in_force("control");
    let want = format!("{control}{control}{}{control}", in_force("observe"));
    assert_eq!(out, want);
    assert!(
        err.contains("the policy of this session is `control`"),
        "{err}"
    );
    // Of another client nothing is lowered.
    assert_eq!(policy(&["exec"]), in_force("full"));
    let listed: Value = serde_json::from_str(&user.text(&["list", "--output", "json"])).unwrap();
    assert_eq!(listed[0]["isolation"], "none");
    assert_eq!(listed[0]["policy"], "full");
}

#[test]
fn a_recorded_session_replays_without_a_vm() {
    let user = User::new();
    user.start();
    let (live, replayed) = (
        ["exec", "web", "--record", "s.rec"],
        ["exec", "--replay", "s.rec"],
    );
    let command = ["--", "cat", "/hello", "/none"];
    let first = user.uio(&[&live[..], &command].concat());
    user.text(&["stop", "--timeout", "0"]);
    let second = user.uio(&[&replayed[..], &command].concat());
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(first.stderr, second.stderr);
    assert_eq!(first.status.code(), Some(1));
    assert_eq!(second.status.code(), Some(1));
}

#[test]
fn names_are_unique_and_found() {
    let user = User::new();
    assert_eq!(user.start()["name"], "web");
    assert_eq!(user.start()["name"], "web-2");
    assert!(
        user.fails(1, &["run", "--detach", "--name", "web", "web"])
            .contains("runs already")
    );
    assert!(user.fails(3, &["exec", "--", "ps"]).contains("web, web-2"));
    assert!(
        user.fails(3, &["exec", "mail", "--", "ps"])
            .contains("web, web-2")
    );
    user.fails(2, &["run", "--detach", "--name", "../x", "web"]);
    user.fails(2, &["exec"]);
}

#[test]
fn what_kills_a_vm_leaves_no_entry() {
    for victim in ["pid", "broker_pid"] {
        let user = User::new();
        let entry = user.start();
        let mut client = UnixStream::connect(entry["socket"].as_str().unwrap()).unwrap();
        let pid = entry[victim].to_string();
        Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        // Whoever is connected is told by the end of the connection; so is who was about to be.
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        match std::io::Read::read(&mut client, &mut [0; 1]) {
            Ok(0) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
        eventually("the entry stays", || {
            user.json(&["list"]) == serde_json::json!([])
        });
        assert!(!user.entry("web").exists());
        let monitor = format!("/proc/{}", entry["pid"]);
        eventually("the monitor lives on", || {
            !Path::new(&monitor).exists()
                || fs::read_to_string(format!("{monitor}/stat")).is_ok_and(|s| s.contains(") Z "))
        });
        user.fails(3, &["exec", "web", "--", "ps"]);
        assert_eq!(user.start()["name"], "web", "the name is free again");
    }
}

#[test]
fn a_vm_that_ends_at_once_is_told_with_its_last_words() {
    let user = User::with_monitor("echo 'qemu: no such machine' >&2; exit 1");
    let complaint = user.fails(4, &["run", "--detach", "web"]);
    assert!(complaint.contains("qemu: no such machine"), "{complaint}");
    assert!(!user.entry("web").exists());
    user.fails(1, &["run", "web"]);
    let user = User::with_monitor("exit 3");
    assert_eq!(user.text(&["run", "web"]), "booting\n");
}

#[test]
fn an_image_without_the_overlay_is_told() {
    let user = User::with_monitor("exec sleep 100");
    let complaint = user.fails(4, &["run", "--detach", "--wait", "0.3", "web"]);
    assert!(complaint.contains("feature `uio`"), "{complaint}");
    assert!(complaint.contains("booting"), "{complaint}");
    assert!(!user.entry("web").exists());
    user.text(&["run", "--detach", "--no-wait", "web"]);
    assert_eq!(user.json(&["list"]).as_array().unwrap().len(), 1);
    user.text(&["stop"]);
}

#[test]
fn a_foreground_run_stops_at_ctrl_c_and_tells_events() {
    let user = User::new();
    let run = user
        .command(&["run", "web", "--output", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it does not start", || {
        user.uio(&["exec", "web", "--", "exit"]).status.success()
    });
    let pid = run.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());
    let events: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "started");
    assert_eq!(events[0]["vm"]["name"], "web");
    assert!(events.iter().any(|event| event["event"] == "ready"));
    assert!(events.iter().any(|event| event["text"] == "booting\n"));
    assert_eq!(events.last().unwrap()["stopped"], true);
    assert!(!user.entry("web").exists());
}

#[test]
fn the_symbol_index_goes_to_the_share() {
    let user = User::new();
    fs::write(user.dir.join("web.sym"), b"index").unwrap();
    let entry = user.json(&[
        "run", "--detach", "--share", "share", "web", "--", "--port", "a b",
    ]);
    assert_eq!(entry["share"]["read_only"], false);
    let copy = user.dir.join("share/.uio/symbols");
    assert_eq!(fs::read(copy).unwrap(), b"index");
    let args = fs::read_to_string(user.dir.join("monitor.args")).unwrap();
    let append = args
        .lines()
        .skip_while(|line| *line != "-append")
        .nth(1)
        .unwrap();
    assert!(append.ends_with("-- --port 'a b'"), "{append}");
    assert!(append.contains("UIO_SHARE=uio"), "{append}");
    assert!(args.contains("mount_tag=uio"));
}

#[test]
fn directories_that_others_can_enter_are_refused() {
    let user = User::new();
    let dir = user.dir.join("run/uio");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(user.fails(1, &["list"]).contains("chmod 700"));
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    user.text(&["list"]);
}

#[test]
fn errors_are_objects_in_json() {
    let user = User::new();
    let output = user.uio(&["exec", "web", "--output", "json", "--", "ps"]);
    assert_eq!(output.status.code(), Some(3));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("no VM named `web`")
    );
}

#[test]
fn programs_are_compiled() {
    let user = User::new();
    fs::write(user.dir.join("x.c"), "int main(void) { return 0; }\n").unwrap();
    let output = user.uio(&["cc", "x.c", "--output", "json"]);
    if String::from_utf8_lossy(&output.stderr).contains("no C compiler") {
        eprintln!("skipped: no C compiler on this machine");
        return;
    }
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["object"], "x.o");
    assert!(
        fs::read(user.dir.join("x.o"))
            .unwrap()
            .starts_with(b"\x7fELF")
    );
    fs::write(user.dir.join("bad.c"), "int main(\n").unwrap();
    assert!(user.fails(1, &["cc", "bad.c"]).contains("bad.c"));
}

#[test]
fn output_that_nobody_reads_any_more_ends_the_command() {
    let user = User::new();
    user.start();
    let mut log = user
        .command(&["exec", "web", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(log.stdout.take());
    let mut stdin = log.stdin.take().unwrap();
    // It waits for more input, but what came of this one could not be written.
    stdin.write_all(b"on\n").unwrap();
    eventually("it goes on", || log.try_wait().unwrap().is_some());
    drop(stdin);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let user = User::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let publish = format!("{}:80", listener.local_addr().unwrap().port());
    let complaint = user.fails(1, &["run", "--detach", "--publish", &publish, "web"]);
    assert!(
        complaint.contains(publish.trim_end_matches(":80")),
        "{complaint}"
    );
    assert!(!user.entry("web").exists());
}
