use std::os::unix::fs::MetadataExt;

use super::*;
use crate::testing::TempDir;

fn entry(claim: &Claim) -> Entry {
    Entry {
        name: claim.name.clone(),
        pid: 1,
        broker_pid: std::process::id(),
        vmm: "qemu".to_owned(),
        accel: "tcg".to_owned(),
        socket: claim.socket(),
        image: PathBuf::from("/images/web"),
        symbols: None,
        log: PathBuf::from("/logs/web.log"),
        started: 0,
        published: vec![Published {
            host: 8080,
            guest: 80,
        }],
        share: None,
        isolation: Some("pku".to_owned()),
        policy: None,
    }
}

fn registry() -> (TempDir, Registry) {
    let temp = TempDir::new();
    let base = temp.path().join("uio");
    dirs::private_dir(&base).unwrap();
    (temp, Registry::at(base))
}

#[test]
fn names_are_made_unique() {
    let (_temp, registry) = registry();
    let first = registry.claim(None, "web").unwrap();
    let second = registry.claim(None, "web").unwrap();
    assert_eq!(first.name, "web");
    assert_eq!(second.name, "web-2");
    assert!(matches!(
        registry.claim(Some("web"), "x"),
        Err(Error::NameTaken(_))
    ));
    registry.release(first);
    assert_eq!(registry.claim(Some("web"), "x").unwrap().name, "web");
}

#[test]
fn odd_stems_become_names_and_odd_names_are_refused() {
    let (_temp, registry) = registry();
    assert_eq!(registry.claim(None, "../my app").unwrap().name, "my-app");
    assert_eq!(registry.claim(None, "…").unwrap().name, "vm");
    for name in ["", "..", "-x", "a/b", "a b", &"x".repeat(MAX_NAME + 1)] {
        assert!(matches!(
            registry.claim(Some(name), "x"),
            Err(Error::Usage(_))
        ));
    }
}

#[test]
fn an_entry_lives_as_long_as_its_lock() {
    let (_temp, registry) = registry();
    let claim = registry.claim(Some("web"), "").unwrap();
    assert!(registry.list().unwrap().is_empty(), "not written yet");
    registry.write(&claim, &entry(&claim)).unwrap();
    assert_eq!(registry.list().unwrap(), [entry(&claim)]);
    assert!(registry.is_alive("web"));
    for file in ["lock", "vm.json"] {
        let meta = fs::metadata(claim.dir.join(file)).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(&claim.dir).unwrap().mode() & 0o777, 0o700);
    let dir = claim.dir.clone();
    drop(claim);
    assert!(!registry.is_alive("web"));
    assert!(registry.list().unwrap().is_empty());
    assert!(!dir.exists(), "the dead entry was removed");
}

#[test]
fn a_name_may_be_left_out_when_one_runs() {
    let (_temp, registry) = registry();
    assert!(matches!(registry.find(None), Err(Error::NoneRuns)));
    let web = registry.claim(Some("web"), "").unwrap();
    registry.write(&web, &entry(&web)).unwrap();
    assert_eq!(registry.find(None).unwrap().name, "web");
    let db = registry.claim(Some("db"), "").unwrap();
    registry.write(&db, &entry(&db)).unwrap();
    assert!(matches!(registry.find(None), Err(Error::SeveralRun(_))));
    assert_eq!(registry.find(Some("db")).unwrap().name, "db");
    let error = registry.find(Some("mail")).unwrap_err();
    assert_eq!(error.exit_code(), crate::error::exit::NO_VM);
    assert!(error.to_string().contains("db, web"));
}

#[test]
fn a_path_too_long_for_a_socket_is_refused() {
    let temp = TempDir::new();
    let base = temp.path().join("x".repeat(100));
    dirs::private_dir(&base).unwrap();
    let registry = Registry::at(base);
    assert!(matches!(
        registry.claim(Some("web"), ""),
        Err(Error::Usage(_))
    ));
}
