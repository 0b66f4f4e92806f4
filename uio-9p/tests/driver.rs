//! The virtio-9p driver on a fake device, under the file system and alone.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use uio_9p::driver::{Driver, Options, PLACES, SLOTS, Wait};
use uio_9p::error::Error;
use uio_9p::fake::Server;
use uio_9p::fs::{self, Follow, Mount};
use uio_9p::msg::*;
use uio_9p::transport::{Large, Transport};
use uio_9p::types::{Fid, Tag, flags::*};
use uio_virtio_fake::{Chain, FakeDevice, FakeHal, FakeTransport, VERSION_1, World};
use virtio_drivers::transport::{DeviceStatus, DeviceType};

type TestDriver = Driver<FakeHal, FakeTransport, parking_lot::RawMutex>;

/// Counting semaphores.
struct Sleep {
    counts: [(Mutex<u32>, Condvar); PLACES],
    /// Sleeps that ended without a wake-up.
    time_outs: AtomicUsize,
}

impl Sleep {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            counts: Default::default(),
            time_outs: AtomicUsize::new(0),
        })
    }
}

struct Shared(Arc<Sleep>);

impl Wait for Shared {
    fn wait(&self, place: usize, timeout_ms: Option<u32>) -> bool {
        let (count, condvar) = &self.0.counts[place];
        let limit = Duration::from_millis(u64::from(timeout_ms.unwrap_or(10_000)));
        let guard = count.lock().unwrap();
        let (mut guard, result) = condvar
            .wait_timeout_while(guard, limit, |n| *n == 0)
            .unwrap();
        if result.timed_out() {
            self.0.time_outs.fetch_add(1, SeqCst);
            return false;
        }
        *guard -= 1;
        true
    }

    fn wake(&self, place: usize) {
        let (count, condvar) = &self.0.counts[place];
        *count.lock().unwrap() += 1;
        condvar.notify_one();
    }
}

struct Bench {
    device: FakeDevice,
    driver: Arc<TestDriver>,
    sleep: Arc<Sleep>,
    server: Arc<Mutex<Server>>,
}

fn config(tag: &[u8]) -> Vec<u8> {
    [&(tag.len() as u16).to_le_bytes()[..], tag].concat()
}

fn options(timeout_ms: u32) -> Options {
    Options {
        timeout_ms,
        ..Options::default()
    }
}

/// A driver whose device does nothing by itself.
fn bench(options: Options) -> Bench {
    let (device, transport) = FakeDevice::builder(DeviceType::_9P)
        .features(VERSION_1 | 1)
        .config(&config(b"share"))
        .queues(&[128])
        .build();
    let sleep = Sleep::new();
    let wait = Box::new(Shared(sleep.clone()));
    let driver = TestDriver::new(transport, wait, &options, &mut |_| Ok(())).unwrap();
    let driver = Arc::new(driver);
    let handler = Arc::downgrade(&driver);
    device.on_interrupt(move || {
        if let Some(driver) = handler.upgrade() {
            driver.on_interrupt();
        }
    });
    Bench {
        device,
        driver,
        sleep,
        server: Arc::default(),
    }
}

fn answer(server: &Mutex<Server>, chain: Chain) {
    let reply = server.lock().unwrap().serve(&chain.read());
    assert_eq!(
        chain.write(0, &reply),
        reply.len(),
        "the reply does not fit"
    );
    chain.complete(reply.len() as u32);
}

impl Bench {
    /// Lets a thread answer requests until the device is gone, in whatever order `pick` takes them.
    fn serve(&self, mut pick: impl FnMut(&mut Vec<Chain>) -> Option<Chain> + Send + 'static) {
        let (device, server) = (self.device.clone(), self.server.clone());
        let alive = Arc::downgrade(&self.driver);
        std::thread::spawn(move || {
            device.world().enter();
            let mut waiting = Vec::new();
            while alive.strong_count() > 0 {
                waiting.extend(device.queue(0).pop());
                match pick(&mut waiting) {
                    Some(chain) => answer(&server, chain),
                    None => std::thread::sleep(Duration::from_micros(50)),
                }
            }
        });
    }

    fn mount(&self) -> Mount {
        Mount::new(self.driver.clone(), fs::Options::default())
    }

    /// Ends the driver and checks that nothing is left.
    fn end(self) {
        let Self {
            device, mut driver, ..
        } = self;
        let world = device.world().clone();
        // An interrupt may still be on its way out of the handler.
        loop {
            match Arc::try_unwrap(driver) {
                Ok(driver) => break drop(driver),
                Err(shared) => driver = shared,
            }
            std::thread::yield_now();
        }
        world.assert_clean();
    }
}

fn oldest(waiting: &mut Vec<Chain>) -> Option<Chain> {
    (!waiting.is_empty()).then(|| waiting.remove(0))
}

fn start(
    features: u64,
    config: &[u8],
    queue: u32,
    kind: DeviceType,
) -> (FakeDevice, Result<TestDriver, Error>) {
    let (device, transport) = FakeDevice::builder(kind)
        .features(features)
        .config(config)
        .queues(&[queue])
        .build();
    let wait = Box::new(Shared(Sleep::new()));
    let driver = TestDriver::new(transport, wait, &Options::default(), &mut |_| Ok(()));
    (device, driver)
}

#[test]
fn starts_and_reads_the_mount_tag() {
    let all = VERSION_1 | 1 | uio_virtio_fake::INDIRECT_DESC | uio_virtio_fake::EVENT_IDX;
    let (device, driver) = start(all, &config(b"hermit"), 128, DeviceType::_9P);
    let driver = driver.unwrap();
    assert_eq!(driver.mount_tag(), b"hermit");
    assert_eq!(device.accepted_features(), VERSION_1 | 1);
    assert!(device.status().contains(DeviceStatus::DRIVER_OK));
    assert_eq!(device.queue(0).size(), 2 * SLOTS as u16);
    // Only the queue: no slot was used yet.
    assert!(device.world().live_dma_pages() <= 2);
    drop(driver);
    device.world().assert_clean();
}

#[test]
fn refuses_devices_that_cannot_serve() {
    let tag = config(b"x");
    let long = config(&[b'x'; 300]);
    let cut = [9, 0, b'x'];
    for (features, config, queue, kind) in [
        (VERSION_1 | 1, &tag[..], 128, DeviceType::Console),
        (1, &tag, 128, DeviceType::_9P),
        (VERSION_1 | 1, &tag, 8, DeviceType::_9P),
        (VERSION_1 | 1, &long, 128, DeviceType::_9P),
        (VERSION_1 | 1, &cut, 128, DeviceType::_9P),
    ] {
        let (device, driver) = start(features, config, queue, kind);
        assert_eq!(driver.err(), Some(Error::BadDevice));
        device.world().assert_clean();
    }
    let (_device, driver) = start(VERSION_1, &[], 128, DeviceType::_9P);
    assert_eq!(driver.unwrap().mount_tag(), b"");
}

#[test]
fn what_prepare_says_counts() {
    let (device, transport) = FakeDevice::builder(DeviceType::_9P).queues(&[128]).build();
    let wait = Box::new(Shared(Sleep::new()));
    let mut calls = 0;
    let result = TestDriver::new(transport, wait, &Options::default(), &mut |_| {
        calls += 1;
        Err(Error::NoMemory)
    });
    assert_eq!((result.err(), calls), (Some(Error::NoMemory), 1));
    device.world().assert_clean();
}

#[test]
fn files_over_the_device() {
    let bench = bench(options(10_000));
    bench.serve(oldest);
    let mount = bench.mount();
    let data: Vec<u8> = (0..700_000u32).map(|i| (i >> 3) as u8).collect();
    let file = mount.open(b"f", O_RDWR | O_CREAT, 0o600).unwrap();
    assert_eq!(file.write_at(&data, 0), Ok(data.len()));
    let mut back = vec![0; data.len()];
    assert_eq!(file.read_at(&mut back, 0), Ok(data.len()));
    assert!(back == data);
    drop(file);
    mount.mkdir(&[b'd'; 255], 0o700).unwrap();
    // The longest request for names: sixteen of 255 bytes.
    let deep = [&[b'd'; 255][..]; 16].join(&b'/');
    assert!(matches!(
        mount.stat(&deep, Follow::Yes),
        Err(Error::Remote(_))
    ));
    assert_eq!(mount.counters().bad, 0);
    assert_eq!(bench.sleep.time_outs.load(SeqCst), 0);
    drop(mount);
    bench.end();
}

#[test]
fn one_thing_at_a_time_costs_one_or_two_slots() {
    let bench = bench(options(10_000));
    bench.serve(oldest);
    let mount = bench.mount();
    for _ in 0..50 {
        mount.stat(b"", Follow::Yes).unwrap();
        mount.open(b"f", O_RDWR | O_CREAT, 0o600).unwrap();
    }
    // 3 pages a slot, and a close may still be under way when the next call starts.
    assert!(bench.device.world().live_dma_pages() <= 2 + 2 * 3);
    let file = mount.open(b"f", O_RDWR, 0).unwrap();
    file.write_at(b"hello", 0).unwrap();
    assert!(bench.device.world().live_dma_pages() <= 2 + 2 * 3 + 16);
    drop(file);
    drop(mount);
    bench.end();
}

#[test]
fn several_tasks_and_any_order() {
    let bench = bench(options(20_000));
    let mut seed = 1u64;
    bench.serve(move |waiting| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (seed >> 33) as usize % waiting.len().max(1);
        (!waiting.is_empty()).then(|| waiting.swap_remove(at))
    });
    let mount = bench.mount();
    let world = bench.device.world().clone();
    std::thread::scope(|scope| {
        for task in 0..12u8 {
            let (mount, world) = (&mount, &world);
            scope.spawn(move || {
                world.enter();
                let path = format!("t{task}");
                for round in 0..10u8 {
                    let file = mount
                        .open(path.as_bytes(), O_RDWR | O_CREAT, 0o600)
                        .unwrap();
                    let data = vec![task.wrapping_mul(31) ^ round; 200_000];
                    assert_eq!(file.write_at(&data, 0), Ok(data.len()));
                    let mut back = vec![0; data.len()];
                    assert_eq!(file.read_at(&mut back, 0), Ok(data.len()));
                    assert!(back == data);
                }
            });
        }
    });
    assert_eq!(mount.counters().bad, 0);
    drop(mount);
    bench.end();
}

#[test]
fn a_lost_interrupt_costs_time_but_no_call() {
    let bench = bench(options(10_000));
    bench.serve(oldest);
    let mount = bench.mount();
    mount.statfs().unwrap();
    bench.device.lose_interrupts(true);
    mount.statfs().unwrap();
    assert_eq!(bench.sleep.time_outs.load(SeqCst), 1);
    bench.device.lose_interrupts(false);
    bench.device.spurious_interrupt();
    mount.statfs().unwrap();
    drop(mount);
    bench.end();
}

/// Sends a request by hand.
fn submit(driver: &TestDriver, tag: u16) -> Result<uio_9p::transport::Ticket, Error> {
    let request = Tstatfs { fid: Fid::ROOT };
    driver.submit(Tag(tag), Large::Request, false, &mut |room| {
        request.encode(Tag(tag), room)
    })
}

fn wait(driver: &TestDriver, ticket: uio_9p::transport::Ticket) -> Result<Vec<u8>, Error> {
    let mut reply = Vec::new();
    driver.wait(ticket, &mut |bytes| {
        reply.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(reply)
}

fn reclaimed(driver: &TestDriver) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    driver.reclaim(&mut |tag, reply| all.push((tag.0, reply.to_vec())));
    all
}

#[test]
fn a_device_that_does_not_answer_keeps_the_slot() {
    let bench = bench(options(20));
    let driver = &bench.driver;
    let begun = Instant::now();
    let mut chains = Vec::new();
    for tag in 0..SLOTS as u16 {
        let ticket = submit(driver, tag).unwrap();
        chains.push(bench.device.queue(0).pop().unwrap());
        assert_eq!(wait(driver, ticket), Err(Error::Timeout));
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Every slot is the device's: no use in waiting.
    assert_eq!(submit(driver, 100).err(), Some(Error::Timeout));
    assert_eq!(reclaimed(driver), []);
    let late = chains.remove(3);
    late.write(0, b"too late");
    late.complete(8);
    assert_eq!(submit(driver, 100).err(), Some(Error::Busy));
    assert_eq!(reclaimed(driver), [(3, b"too late".to_vec())]);
    let ticket = submit(driver, 100).unwrap();
    let chain = bench.device.queue(0).pop().unwrap();
    chain.write(0, b"in time");
    chain.complete(7);
    assert_eq!(wait(driver, ticket).unwrap(), b"in time");
    bench.end();
}

/// Requests that nobody waits for are no reason to give up: here, as many closes as there are slots.
#[test]
fn detached_requests_are_waited_for() {
    let bench = bench(options(10_000));
    for tag in 0..SLOTS as u16 {
        let ticket = submit(&bench.driver, tag).unwrap();
        bench.driver.detach(ticket);
    }
    let device = bench.device.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        while let Some(chain) = device.queue(0).pop() {
            chain.complete(0);
        }
    });
    let submitted = bench
        .driver
        .submit(Tag(50), Large::Neither, true, &mut |_| Ok(1));
    // Not a time-out, but the word that late replies are to be taken in.
    assert_eq!(submitted.err(), Some(Error::Busy));
    let begun = Instant::now();
    let mut late = 0;
    while late < SLOTS {
        late += reclaimed(&bench.driver).len();
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    bench.end();
}

#[test]
fn a_timed_out_mount_recovers_with_the_device() {
    let bench = bench(options(30));
    let mount = bench.mount();
    assert_eq!(mount.statfs(), Err(Error::Timeout));
    bench.serve(oldest);
    let begun = Instant::now();
    while mount.statfs().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(mount.counters().bad, 0);
    drop(mount);
    bench.end();
}

#[test]
fn lying_lengths_fail_the_call() {
    let bench = bench(options(1000));
    let driver = &bench.driver;
    for (len, expected) in [(0u32, 0usize), (4096, 4096), (4097, 0), (u32::MAX, 0)] {
        let ticket = submit(driver, 1).unwrap();
        let chain = bench.device.queue(0).pop().unwrap();
        chain.complete(len);
        assert_eq!(wait(driver, ticket).unwrap().len(), expected);
    }
    assert!(!driver.is_broken());
    bench.end();
}

/// What a device may do to its used ring, and whether the driver can only give it up.
#[test]
fn lying_ids_break_the_device_and_wake_everyone() {
    let lies: [fn(&FakeDevice, &Chain); 4] = [
        |device, chain| device.queue(0).push_used(chain.head() + 1, 7u32),
        |device, _| device.queue(0).push_used(0xffffu16, 7u32),
        |device, _| device.queue(0).skip_used(1000),
        |device, _| device.needs_reset(),
    ];
    for lie in lies {
        let bench = bench(options(60_000));
        let world = bench.device.world().clone();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for tag in 0..3 {
                let (driver, world) = (&bench.driver, &world);
                scope.spawn(move || {
                    world.enter();
                    let ticket = submit(driver, tag).unwrap();
                    // An entry that was never filled reads as an empty reply to request 0, which the client refuses.
                    let result = wait(driver, ticket);
                    assert!(result == Err(Error::Broken) || result == Ok(vec![]));
                });
            }
            let mut chains = Vec::new();
            while chains.len() < 3 {
                chains.extend(bench.device.queue(0).pop());
            }
            lie(&bench.device, &chains[2]);
            // An index that runs away passes entries that were never filled; the interrupt comes all the same.
            bench.device.spurious_interrupt();
        });
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(bench.driver.is_broken());
        assert_eq!(submit(&bench.driver, 9).err(), Some(Error::Broken));
        bench.end();
    }
}

#[test]
fn the_same_id_twice_breaks_the_device() {
    let bench = bench(options(1000));
    let ticket = submit(&bench.driver, 1).unwrap();
    let chain = bench.device.queue(0).pop().unwrap();
    let head = chain.head();
    chain.write(0, b"reply");
    chain.complete(5);
    bench.device.queue(0).push_used(head, 5);
    // The reply that came is still good.
    assert_eq!(wait(&bench.driver, ticket).unwrap(), b"reply");
    assert!(bench.driver.is_broken());
    bench.end();
}

#[test]
fn an_old_reply_in_the_buffer_does_not_pass_for_a_new_one() {
    let bench = bench(options(1000));
    bench.serve(oldest);
    let mount = bench.mount();
    mount.statfs().unwrap();
    drop(mount);
    bench.end();

    let bench = crate::bench(options(1000));
    let server = Mutex::new(Server::new());
    for round in 0..2 {
        let ticket = submit(&bench.driver, 5).unwrap();
        let chain = bench.device.queue(0).pop().unwrap();
        if round == 0 {
            answer(&server, chain);
            assert!(wait(&bench.driver, ticket).unwrap().len() > HEADER);
        } else {
            // Claims to have written, but did not: as `FakeHal` bounces, poison comes back, never the old reply.
            chain.complete(11);
            let reply = wait(&bench.driver, ticket).unwrap();
            assert!(Header::of(&reply).is_err());
        }
    }
    bench.end();
}

#[test]
fn one_slot_is_enough() {
    let one = Options {
        slots: 1,
        ..options(10_000)
    };
    let bench = bench(one);
    bench.serve(oldest);
    let mount = bench.mount();
    for path in [&b"a"[..], b"b"] {
        let file = mount.open(path, O_RDWR | O_CREAT, 0o600).unwrap();
        let data = vec![5; 400_000];
        assert_eq!(file.write_at(&data, 0), Ok(data.len()));
        let mut back = vec![0; data.len()];
        assert_eq!(file.read_at(&mut back, 0), Ok(data.len()));
        assert!(back == data);
    }
    mount.unlink(b"a").unwrap();
    assert_eq!(mount.fids_in_use(), 1);
    assert!(bench.device.world().live_dma_pages() <= 2 + 3 + 16);
    drop(mount);
    bench.end();
}

#[test]
fn no_memory_fails_the_call_and_leaves_the_slot() {
    let bench = bench(options(1000));
    bench.device.world().limit_dma_pages(Some(2));
    assert_eq!(submit(&bench.driver, 1).err(), Some(Error::NoMemory));
    bench.device.world().limit_dma_pages(None);
    bench.serve(oldest);
    let mount = bench.mount();
    mount.statfs().unwrap();
    drop(mount);
    bench.end();
}

#[test]
fn a_device_that_ignores_its_reset_keeps_its_memory() {
    let bench = bench(options(1000));
    let ticket = submit(&bench.driver, 1).unwrap();
    bench.driver.detach(ticket);
    let chain = bench.device.queue(0).pop().unwrap();
    bench.device.ignore_reset(true);
    let Bench { device, driver, .. } = bench;
    drop(driver);
    // It may still write there.
    chain.write(0, b"here I am");
    assert!(device.world().live_dma_pages() >= 2 + 3);
    assert_eq!(device.world().violations(), [""; 0]);
}

#[test]
fn foreign_interrupts_are_not_ours() {
    let bench = bench(options(1000));
    assert!(!bench.driver.on_interrupt());
    let ticket = submit(&bench.driver, 1).unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let (driver, count) = (Arc::downgrade(&bench.driver), seen.clone());
    bench.device.on_interrupt(move || {
        let driver = driver.upgrade().unwrap();
        count.fetch_add(usize::from(driver.on_interrupt()), SeqCst);
    });
    let chain = bench.device.queue(0).pop().unwrap();
    chain.write(0, b"x");
    chain.complete(1);
    assert_eq!(seen.load(SeqCst), 1);
    assert_eq!(wait(&bench.driver, ticket).unwrap(), b"x");
    bench.end();
}

#[test]
fn waiting_for_a_slot() {
    let bench = bench(options(10_000));
    let world = bench.device.world().clone();
    let tickets: Vec<_> = (0..SLOTS as u16)
        .map(|tag| submit(&bench.driver, tag).unwrap())
        .collect();
    assert_eq!(submit(&bench.driver, 50).err(), Some(Error::Busy));
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (60..66u16)
            .map(|tag| {
                let (driver, world) = (&bench.driver, &world);
                scope.spawn(move || {
                    world.enter();
                    let ticket = driver.submit(Tag(tag), Large::Reply, true, &mut |room| {
                        Tstatfs { fid: Fid::ROOT }.encode(Tag(tag), room)
                    });
                    wait(driver, ticket.unwrap())
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        bench.serve(oldest);
        for ticket in tickets {
            wait(&bench.driver, ticket).unwrap();
        }
        for waiter in waiters {
            assert!(waiter.join().unwrap().is_ok());
        }
    });
    assert_eq!(bench.sleep.time_outs.load(SeqCst), 0);
    drop(world);
    bench.end();
}

/// The world is entered by the thread that builds the device; this says so where a test relies on it.
#[test]
fn worlds_are_apart() {
    let one = bench(options(1000));
    let two = bench(options(1000));
    assert!(!Arc::ptr_eq(one.device.world(), two.device.world()));
    assert!(Arc::ptr_eq(&World::current(), two.device.world()));
    two.end();
    one.end();
}
