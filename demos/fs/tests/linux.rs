//! The exercise on Linux, whose file systems are right by definition.

use fs::{CASES, Directory};

#[test]
fn every_case_holds() {
    let parent = std::env::temp_dir().join(format!("uio-fs-{}", std::process::id()));
    std::fs::create_dir(&parent).unwrap();
    let directory = Directory::new(parent.clone()).unwrap();
    for (name, case) in CASES {
        case(&directory).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    }
    assert!(Directory::new(parent.clone()).is_err());
    assert_eq!(
        std::fs::read_dir(parent.join("kept/many")).unwrap().count(),
        201
    );
    std::fs::remove_dir_all(parent).unwrap();
}
