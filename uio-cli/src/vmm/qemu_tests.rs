use super::*;

fn config() -> Config {
    Config {
        name: "web".to_owned(),
        program: PathBuf::from(PROGRAM),
        loader: PathBuf::from("/loader"),
        image: PathBuf::from("/images/a,b"),
        cmdline: "env=UIO_MOUNT=/uio -- 'a b'".to_owned(),
        accel: Accel::Tcg,
        machine: Machine::Q35,
        memory_mib: 128,
        smp: 2,
        share: None,
        published: Vec::new(),
        ioeventfd: false,
        extra: vec!["-icount".to_owned(), "shift=0".to_owned()],
    }
}

/// The values given for `option`, in order.
fn values(args: &[OsString], option: &str) -> Vec<String> {
    args.windows(2)
        .filter(|pair| pair[0] == option)
        .map(|pair| pair[1].to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_plain_machine() {
    let args = config().arguments(7).unwrap();
    assert_eq!(values(&args, "-kernel"), ["/loader"]);
    assert_eq!(values(&args, "-initrd"), ["/images/a,,b"]);
    assert_eq!(values(&args, "-append"), ["env=UIO_MOUNT=/uio -- 'a b'"]);
    assert_eq!(values(&args, "-cpu"), ["max"]);
    assert_eq!(values(&args, "-m"), ["128M"]);
    assert!(values(&args, "-chardev").contains(&"socket,id=uio,fd=7".to_owned()));
    assert!(values(&args, "-fsdev").is_empty());
    assert!(values(&args, "-netdev").is_empty());
    assert_eq!(args[args.len() - 2..], ["-icount", "shift=0"]);
}

#[test]
fn every_virtio_device_is_a_modern_one() {
    let mut config = config();
    config.share = Some(Share {
        path: PathBuf::from("/s"),
        read_only: false,
    });
    config.published = vec![Published { host: 1, guest: 2 }];
    let args = config.arguments(3).unwrap();
    let virtio: Vec<String> = values(&args, "-device")
        .into_iter()
        .filter(|device| device.starts_with("virtio-"))
        .collect();
    assert_eq!(virtio.len(), 3);
    for device in virtio {
        assert!(device.contains("disable-legacy=on"), "{device}");
    }
}

#[test]
fn kvm_takes_the_hosts_processor() {
    let mut config = config();
    config.accel = Accel::Kvm;
    let args = config.arguments(3).unwrap();
    assert_eq!(values(&args, "-accel"), ["kvm"]);
    assert_eq!(values(&args, "-cpu"), ["host,-arch-capabilities"]);
}

#[test]
fn shares_and_ports() {
    let mut config = config();
    config.share = Some(Share {
        path: PathBuf::from("/s,t"),
        read_only: true,
    });
    config.published = vec![
        Published {
            host: 8080,
            guest: 80,
        },
        Published {
            host: 9090,
            guest: 90,
        },
    ];
    let args = config.arguments(3).unwrap();
    assert_eq!(
        values(&args, "-fsdev"),
        ["local,id=share,path=/s,,t,security_model=none,readonly=on"]
    );
    let netdev = &values(&args, "-netdev")[0];
    assert!(netdev.contains("hostfwd=tcp:127.0.0.1:8080-10.0.5.3:80"));
    assert!(netdev.contains("hostfwd=tcp:127.0.0.1:9090-10.0.5.3:90"));
}

#[test]
fn a_path_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let mut config = config();
    config.image = PathBuf::from(OsString::from_vec(vec![b'/', 0xff]));
    assert!(matches!(config.arguments(3), Err(Error::Usage(_))));
}
