//! `uio bpf` against the real engine on fakes: from an object to what is shown of its maps.

mod common;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use uio_cli::entry::{Claim, Entry, Registry, Share};
use uio_core::fake::FakeTracing;

use common::FakeVm;

/// Where the fake image is.
const BASE: u64 = 0x20_0000;

const SOURCE: &str = r#"
#include <uio_bpf.h>

struct who { __u32 id; char name[8]; };

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, struct who);
    __type(value, __s64);
} seen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
    __type(value, struct who);
} events SEC(".maps");

SEC("timer/10ms") long tick(struct uio_timer *ctx)
{
    struct who who = { .id = 5, .name = "tick" };
    __s64 one = -1;
    bpf_map_update_elem(&seen, &who, &one, BPF_ANY);
    bpf_ringbuf_output(&events, &who, sizeof who, 0);
    bpf_printk("tick %d\n", who.id);
    return 0;
}

SEC("executable") long sum(__u8 *bytes, __u64 len)
{
    __u64 sum = 0;
    for (__u64 i = 0; i < len; i++)
        sum += bytes[i];
    return sum;
}
"#;

/// A user to whom one VM runs.
struct User {
    vm: FakeVm,
    _claim: Claim,
    tracing: &'static FakeTracing,
}

impl User {
    fn new() -> Self {
        let vm = FakeVm::new();
        let room = &vm.room.0;
        let base = room.join("run").join("uio");
        for dir in [room.join("run"), base.clone(), room.join("share")] {
            fs::create_dir(&dir).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(&dir, mode).unwrap();
        }
        let registry = Registry::at(base);
        let claim = registry.claim(Some("web"), "web").unwrap();
        let entry = Entry {
            name: "web".into(),
            pid: vm.pid,
            broker_pid: std::process::id(),
            vmm: "qemu".into(),
            accel: "tcg".into(),
            socket: vm.socket.clone(),
            image: room.join("image"),
            symbols: None,
            log: room.join("log"),
            started: 0,
            published: Vec::new(),
            share: Some(Share {
                path: room.join("share"),
                read_only: false,
            }),
            isolation: None,
            policy: None,
        };
        registry.write(&claim, &entry).unwrap();
        let host = vm.host.as_ref().unwrap();
        let tracing = host.platform.tracing.lock().unwrap().unwrap();
        Self {
            vm,
            _claim: claim,
            tracing,
        }
    }

    fn uio(&self, args: &[&str], input: &[u8]) -> Output {
        let room = &self.vm.room.0;
        let mut child = Command::new(env!("CARGO_BIN_EXE_uio"))
            .current_dir(room)
            .env("XDG_RUNTIME_DIR", room.join("run"))
            .env("XDG_STATE_HOME", room.join("run"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What a command that goes well prints.
    fn text(&self, args: &[&str]) -> String {
        let output = self.uio(args, b"");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {words}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        let text = self.text(&[&["--output", "json"], args].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }

    /// What a command that fails complains of.
    fn complaint(&self, args: &[&str]) -> String {
        let output = self.uio(args, b"");
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// An object of `SOURCE`, on the share.
    fn object(&self) {
        fs::write(self.vm.room.0.join("x.bpf.c"), SOURCE).unwrap();
        self.text(&["cc", "x.bpf.c", "--out", "share/x.o"]);
    }
}

#[test]
fn an_object_runs_in_a_guest() {
    let user = User::new();
    user.object();
    let loaded = user.json(&["bpf", "load", "share/x.o"]);
    assert_eq!(
        (&loaded[0]["name"], &loaded[1]["name"]),
        (&json!("tick"), &json!("sum"))
    );
    assert_eq!(loaded[0]["target"], "10ms");
    let link = user.json(&["bpf", "attach", "tick"]);
    assert_eq!(link[0]["to"]["interval_us"], 10_000);
    assert_eq!(user.tracing.fire(10_000, "", &mut [0; 4]), Some(0));
    // By the types of the object.
    assert_eq!(
        user.text(&["bpf", "map", "dump", "seen"]),
        "{.id = 5, .name = \"tick\"}: -1\n"
    );
    let key = r#"{"id": 5, "name": "tick"}"#;
    user.text(&["bpf", "map", "set", "seen", key, "-7"]);
    let entry = user.json(&["bpf", "map", "get", "seen", key]);
    assert_eq!(
        (&entry["value"], &entry["key"]["name"]),
        (&json!(-7), &json!("tick"))
    );
    user.text(&["bpf", "map", "delete", "seen", key]);
    assert_eq!(user.json(&["bpf", "map", "dump", "seen"]), json!([]));
    let records = user.json(&["bpf", "ring", "events"]);
    assert_eq!(records[0]["value"]["id"], 5);
    assert_eq!(user.text(&["bpf", "log"]), "tick 5\n");
    let shown = user.text(&["bpf", "map", "show", "seen"]);
    assert!(shown.contains("keys      struct who\n"), "{shown}");
    let links = user.text(&["bpf", "links"]);
    assert!(
        links.contains("tick     timer     1        0  every 10 ms"),
        "{links}"
    );
    let ran = user.json(&["bpf", "run", "sum", "--mem", "010203"]);
    assert_eq!(
        (&ran["returned"], &ran["memory"]),
        (&json!(6), &json!("010203"))
    );
    assert!(
        user.complaint(&["bpf", "unload", "tick"])
            .contains("--force")
    );
    user.text(&["bpf", "unload", "--force", "tick"]);
    assert_eq!(user.json(&["bpf", "list"]), json!([]));
    let spec = user.json(&["bpf", "spec"]);
    assert_eq!(spec["probes"][0]["name"], "web.request");
}

#[test]
fn the_shell_takes_objects_of_the_share() {
    let user = User::new();
    user.object();
    let script = b"bpf load x.o\nbpf load /uio/x.o\nbpf load /etc/x.o\nbpf load ../x.o\nbpf attach tick 5ms\nbpf list\n";
    let output = user.uio(&["shell", "web"], script);
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(out.matches("tick  timer").count(), 4, "{out}\n{err}");
    assert_eq!(
        err.matches("objects are loaded from the share").count(),
        2,
        "{err}"
    );
    assert_eq!(output.status.code(), Some(0), "{err}");
}

#[test]
fn refusals_show_the_instruction() {
    let user = User::new();
    let path = user.vm.room.0.join("bad.bin");
    // r1 = 0; r10 = 0; exit
    let code = [
        [0xb7, 1, 0, 0, 0, 0, 0, 0],
        [0xb7, 10, 0, 0, 0, 0, 0, 0],
        [0x95, 0, 0, 0, 0, 0, 0, 0],
    ];
    fs::write(path, code.concat()).unwrap();
    let words = user.complaint(&[
        "bpf", "load", "--raw", "bad.bin", "--type", "fentry", "--name", "bad",
    ]);
    assert!(
        words.starts_with("bpf load: the program `bad` is refused: register 10"),
        "{words}"
    );
    assert!(words.contains("\n  instruction 1: r10 = 0"), "{words}");
    let words = user.complaint(&["--output", "json", "bpf", "load", "--raw", "bad.bin"]);
    let object: Value = serde_json::from_str(&words).unwrap();
    assert_eq!(object["instruction"]["at"], 1);
    let words = user.complaint(&["bpf", "attach", "none"]);
    assert_eq!(
        words,
        "bpf attach: none: no program has this name or number; `bpf list` lists them\n"
    );
    let words = user.complaint(&[
        "bpf", "load", "--policy", "control", "--jit", "--raw", "bad.bin",
    ]);
    assert!(words.contains("`full` would"), "{words}");
}

#[test]
fn functions_are_given_by_offset_where_there_is_no_index() {
    let user = User::new();
    let code = [[0xb7, 0, 0, 0, 9, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    fs::write(user.vm.room.0.join("nine.bin"), code.concat()).unwrap();
    user.text(&["bpf", "load", "--raw", "nine.bin", "--type", "fentry"]);
    let link = user.json(&["bpf", "attach", "nine", "+0x40", "--budget", "77"]);
    assert_eq!(link[0]["to"]["first_offset"], 0x40);
    assert_eq!(user.tracing.budget(1), Some(77));
    assert_eq!(user.tracing.fire(BASE + 0x40, "", &mut [0; 8]), Some(9));
    let swapped = user.json(&["bpf", "swap", "nine", "nine"]);
    assert_eq!(swapped["id"], 2);
    user.text(&["bpf", "detach", "2"]);
    assert_eq!(user.json(&["bpf", "links"]), json!([]));
    let words = user.complaint(&["bpf", "attach", "nine", "main"]);
    assert!(words.contains("no symbol index on the share"), "{words}");
}
