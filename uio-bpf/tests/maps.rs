//! Maps: what each type does when all is well, when it is full, and when many use it at once.

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use support::map_def;
use uio_bpf::bundle::{MapDef, MapKind, map_flags};
use uio_bpf::errno::Errno;
use uio_bpf::map::{Map, MapError, RULES, Record, stack_flags, update_flags};

const LIMIT: u64 = 8 << 20;
const ANY: u64 = update_flags::ANY;

fn make(def: &MapDef) -> Map {
    Map::new(def, 4, LIMIT).expect("the definition is right")
}

fn key(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

fn value(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

fn read(map: &Map, key: &[u8]) -> Result<Vec<u8>, Errno> {
    let mut out = vec![0; map.value_len()];
    map.read(key, &mut out, 0).map(|()| out)
}

fn keys(map: &Map) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut next = vec![0; map.key_size() as usize];
    while map
        .next_key(all.last().map(Vec::as_slice), &mut next, 0)
        .unwrap()
    {
        all.push(next.clone());
    }
    all
}

#[test]
fn arrays_have_all_their_entries_always() {
    let map = make(&map_def("a", MapKind::Array, 4, 12, 3));
    assert_eq!(read(&map, &key(2)), Ok(vec![0; 12]));
    map.update(&key(2), &[7; 12], ANY, 0).unwrap();
    assert_eq!(read(&map, &key(2)), Ok(vec![7; 12]));
    assert_eq!(
        map.update(&key(1), &[7; 12], update_flags::NO_EXIST, 0),
        Err(Errno::Exists)
    );
    assert_eq!(
        map.update(&key(1), &[7; 12], update_flags::EXIST, 0),
        Ok(())
    );
    assert_eq!(map.update(&key(3), &[7; 12], ANY, 0), Err(Errno::TooBig));
    assert_eq!(map.update(&key(1), &[7; 11], ANY, 0), Err(Errno::Invalid));
    assert_eq!(map.update(&key(1), &[7; 12], 3, 0), Err(Errno::Invalid));
    assert_eq!(map.delete(&key(1), 0), Err(Errno::Invalid));
    assert_eq!(map.lookup(&key(3), 0), None);
    assert_eq!(keys(&map), [key(0), key(1), key(2)]);
    assert_eq!(map.count(0), 3);
}

#[test]
fn arrays_say_where_their_values_are() {
    let map = make(&map_def("a", MapKind::Array, 4, 12, 3));
    let layout = map.array_layout().unwrap();
    assert_eq!(
        (layout.stride, layout.entries, layout.core_stride),
        (16, 3, 0)
    );
    assert_eq!(layout.base % 8, 0);
    for index in 0..3 {
        let at = map.lookup(&key(index), 3).unwrap().as_ptr() as u64;
        assert_eq!(at, layout.base + u64::from(index) * 16);
    }
    let first = map.first_value().unwrap();
    assert_eq!(
        (first.address, first.len, first.writable),
        (layout.base, 12, true)
    );
}

#[test]
fn a_range_is_in_one_value_or_in_none() {
    let map = make(&map_def("a", MapKind::Array, 4, 12, 3));
    let base = map.array_layout().unwrap().base;
    for (address, len, inside) in [
        (base, 1, true),
        (base, 12, true),
        (base, 13, false),
        (base + 11, 1, true),
        (base + 11, 2, false),
        (base + 12, 1, false),
        (base + 15, 1, false),
        (base + 16, 12, true),
        (base + 32 + 11, 1, true),
        (base + 32 + 12, 1, false),
        (base + 48, 1, false),
        (base - 1, 1, false),
        (base, u64::MAX, false),
        (u64::MAX, 1, false),
        (0, 1, false),
    ] {
        let found = map.value_at(address, len);
        assert_eq!(
            found.is_some(),
            inside,
            "{:x} +{len}",
            address.wrapping_sub(base)
        );
        if let Some(found) = found {
            assert_eq!(found.len, 12);
            assert!(found.address <= address && address + len <= found.address + 12);
        }
    }
}

#[test]
fn values_of_cores_are_apart() {
    let map = make(&map_def("a", MapKind::PerCpuArray, 4, 12, 3));
    for core in 0..4 {
        map.update(&key(1), &[core as u8 + 1; 12], ANY, core)
            .unwrap();
    }
    let all = read(&map, &key(1)).unwrap();
    assert_eq!(all.len(), 4 * 16);
    for (core, value) in all.chunks(16).enumerate() {
        assert_eq!(value[..12], [core as u8 + 1; 12]);
        assert_eq!(value[12..], [0; 4]);
    }
    assert_eq!(map.lookup(&key(1), 4), None);
    assert_eq!(map.lookup_of(&key(1), 4, 0), None);
    assert_eq!(map.lookup_of(&key(1), 2, 3), map.lookup(&key(1), 2));
    assert_eq!(map.first_value(), None);
    let layout = map.array_layout().unwrap();
    assert_eq!(layout.core_stride % 64, 0);
    // Between the last value of a core and the first of the next one is nothing.
    assert_eq!(map.value_at(layout.base + 48, 1), None);
    assert!(
        map.value_at(layout.base + u64::from(layout.core_stride), 12)
            .is_some()
    );
    assert_eq!(
        map.value_at(layout.base + u64::from(layout.core_stride) * 4, 1),
        None
    );
}

#[test]
fn the_host_stores_one_value_for_all_cores_or_one_for_each() {
    for kind in [MapKind::PerCpuArray, MapKind::PerCpuHash] {
        let map = make(&map_def("a", kind, 4, 4, 3));
        map.store(&key(0), &[9; 4], ANY, 0).unwrap();
        assert_eq!(
            read(&map, &key(0)).unwrap(),
            [9, 9, 9, 9, 0, 0, 0, 0].repeat(4)
        );
        let each: Vec<u8> = (0..32).collect();
        map.store(&key(0), &each, ANY, 0).unwrap();
        let wanted: Vec<u8> = (0..32).map(|at| if at % 8 < 4 { at } else { 0 }).collect();
        assert_eq!(read(&map, &key(0)).unwrap(), wanted);
        assert_eq!(map.store(&key(0), &[0; 16], ANY, 0), Err(Errno::Invalid));
    }
}

#[test]
fn hashes_hold_what_was_put_there() {
    let map = make(&map_def("h", MapKind::Hash, 12, 8, 4));
    let key = |number: u8| [number; 12];
    assert_eq!(
        map.update(&key(1), &value(1), update_flags::EXIST, 0),
        Err(Errno::NoEntry)
    );
    map.update(&key(1), &value(1), update_flags::NO_EXIST, 0)
        .unwrap();
    assert_eq!(
        map.update(&key(1), &value(2), update_flags::NO_EXIST, 0),
        Err(Errno::Exists)
    );
    map.update(&key(1), &value(2), update_flags::EXIST, 0)
        .unwrap();
    assert_eq!(read(&map, &key(1)), Ok(value(2).to_vec()));
    assert_eq!(read(&map, &key(2)), Err(Errno::NoEntry));
    assert_eq!(map.delete(&key(2), 0), Err(Errno::NoEntry));
    map.delete(&key(1), 0).unwrap();
    assert_eq!(map.lookup(&key(1), 0), None);
    assert_eq!(map.count(0), 0);
}

#[test]
fn a_full_hash_takes_no_more_until_something_goes() {
    let map = make(&map_def("h", MapKind::Hash, 4, 8, 5));
    for number in 0..5 {
        map.update(&key(number), &value(number.into()), ANY, 0)
            .unwrap();
    }
    assert_eq!(map.update(&key(5), &value(5), ANY, 0), Err(Errno::TooBig));
    assert_eq!(map.update(&key(4), &value(40), ANY, 0), Ok(()));
    map.delete(&key(2), 0).unwrap();
    map.update(&key(5), &value(5), ANY, 0).unwrap();
    let mut all: Vec<u32> = keys(&map)
        .iter()
        .map(|key| u32::from_le_bytes(key[..].try_into().unwrap()))
        .collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 3, 4, 5]);
}

#[test]
fn deleted_entries_are_used_again_as_late_as_possible() {
    let map = make(&map_def("h", MapKind::Hash, 4, 8, 4));
    map.update(&key(0), &value(0), ANY, 0).unwrap();
    let first = map.lookup(&key(0), 0).unwrap();
    map.delete(&key(0), 0).unwrap();
    for number in 1..4 {
        map.update(&key(number), &value(0), ANY, 0).unwrap();
        assert_ne!(map.lookup(&key(number), 0), Some(first));
    }
    map.update(&key(4), &value(0), ANY, 0).unwrap();
    assert_eq!(map.lookup(&key(4), 0), Some(first));
}

#[test]
fn a_new_entry_of_a_core_is_zero_on_the_others() {
    let map = make(&map_def("h", MapKind::PerCpuHash, 4, 8, 1));
    map.store(&key(1), &value(9), ANY, 0).unwrap();
    map.delete(&key(1), 0).unwrap();
    map.update(&key(2), &value(5), ANY, 2).unwrap();
    let all: Vec<u64> = read(&map, &key(2))
        .unwrap()
        .chunks(8)
        .map(|v| u64::from_le_bytes(v.try_into().unwrap()))
        .collect();
    assert_eq!(all, [0, 0, 5, 0]);
    map.update(&key(2), &value(6), ANY, 3).unwrap();
    let all: Vec<u64> = read(&map, &key(2))
        .unwrap()
        .chunks(8)
        .map(|v| u64::from_le_bytes(v.try_into().unwrap()))
        .collect();
    assert_eq!(all, [0, 0, 5, 6]);
}

#[test]
fn the_entry_not_used_for_longest_makes_room() {
    let map = make(&map_def("l", MapKind::LruHash, 4, 8, 3));
    for number in 0..3 {
        map.update(&key(number), &value(number.into()), ANY, 0)
            .unwrap();
    }
    // Looked up, changed, looked at by the host: only the first two are uses.
    map.lookup(&key(0), 0).unwrap();
    map.update(&key(1), &value(10), ANY, 0).unwrap();
    read(&map, &key(2)).unwrap();
    map.update(&key(3), &value(3), ANY, 0).unwrap();
    assert_eq!(read(&map, &key(2)), Err(Errno::NoEntry));
    map.update(&key(4), &value(4), ANY, 0).unwrap();
    assert_eq!(read(&map, &key(0)), Err(Errno::NoEntry));
    assert_eq!(read(&map, &key(1)), Ok(value(10).to_vec()));
    assert_eq!(map.count(0), 3);
}

#[test]
fn an_lru_hash_is_as_a_model_of_it() {
    const ENTRIES: usize = 16;
    let map = make(&map_def("l", MapKind::LruHash, 4, 8, ENTRIES as u32));
    let mut model: Vec<(u32, u64)> = Vec::new();
    let mut random = 1_u64;
    for step in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = (random >> 40) as u32 % 40;
        let at = model.iter().position(|(key, _)| *key == number);
        match (random >> 33) % 4 {
            0 => {
                assert_eq!(map.delete(&key(number), 0).is_ok(), at.is_some());
                at.map(|at| model.remove(at));
            }
            1 => {
                assert_eq!(map.lookup(&key(number), 0).is_some(), at.is_some());
                if let Some(at) = at {
                    let used = model.remove(at);
                    model.push(used);
                }
            }
            _ => {
                map.update(&key(number), &value(step), ANY, 0).unwrap();
                match at {
                    Some(at) => drop(model.remove(at)),
                    None if model.len() == ENTRIES => drop(model.remove(0)),
                    None => {}
                }
                model.push((number, step));
            }
        }
        assert_eq!(map.count(0) as usize, model.len());
    }
    let all: HashMap<u32, u64> = model.into_iter().collect();
    let there = keys(&map);
    assert_eq!(there.len(), all.len());
    for key in there {
        let wanted = all[&u32::from_le_bytes(key[..].try_into().unwrap())];
        assert_eq!(read(&map, &key), Ok(value(wanted).to_vec()));
    }
}

#[test]
fn keys_that_differ_in_any_byte_are_different() {
    let map = make(&map_def("h", MapKind::Hash, 13, 8, 13 * 8 + 1));
    let mut all = vec![[0; 13]];
    for bit in 0..13 * 8 {
        let mut key = [0; 13];
        key[bit / 8] = 1 << (bit % 8);
        all.push(key);
    }
    for (number, key) in all.iter().enumerate() {
        map.update(key, &value(number as u64), update_flags::NO_EXIST, 0)
            .unwrap();
    }
    for (number, key) in all.iter().enumerate() {
        assert_eq!(read(&map, key), Ok(value(number as u64).to_vec()));
    }
}

#[test]
fn threads_put_and_take_without_loss() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 3_000;
    for kind in [MapKind::Hash, MapKind::LruHash] {
        let map = make(&map_def("h", kind, 4, 8, 64));
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let map = &map;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let own = key((thread << 16) | (round % 8));
                        let wanted = value(u64::from(thread) << 32 | u64::from(round));
                        map.update(&own, &wanted, ANY, thread).unwrap();
                        assert_eq!(read(map, &own), Ok(wanted.to_vec()));
                        if round % 3 == 0 {
                            map.delete(&own, thread).unwrap();
                            assert_eq!(read(map, &own), Err(Errno::NoEntry));
                        }
                        // One that all of them share.
                        let _ = map.update(&key(u32::MAX), &value(7), ANY, thread);
                        let _ = map.delete(&key(u32::MAX), thread);
                    }
                });
            }
        });
        for number in keys(&map) {
            assert!(map.lookup(&number, 0).is_some());
        }
        assert_eq!(keys(&map).len(), map.count(0) as usize);
    }
}

#[test]
fn values_are_changed_as_a_whole() {
    let map = make(&map_def("h", MapKind::Hash, 4, 64, 4));
    let done = AtomicBool::new(false);
    map.update(&key(1), &[0; 64], ANY, 0).unwrap();
    thread::scope(|scope| {
        for thread in 1..4_u8 {
            let (map, done) = (&map, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    map.update(&key(1), &[thread; 64], ANY, thread.into())
                        .unwrap();
                }
            });
        }
        for _ in 0..5_000 {
            let value = read(&map, &key(1)).unwrap();
            assert!(value.iter().all(|byte| *byte == value[0]), "{value:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_ring_buffer_gives_records_in_order() {
    let map = make(&map_def("r", MapKind::RingBuffer, 0, 0, 128));
    let ring = map.ring().unwrap();
    let mut out = [0; 64];
    assert_eq!(ring.read(&mut out), Record::None);
    for (number, len) in (1..=1000_u32).zip([1, 8, 9, 24, 40].iter().cycle()) {
        let data = vec![number as u8; *len];
        assert!(ring.output(&data, 0));
        assert_eq!(ring.read(&mut out), Record::Read(*len));
        assert_eq!(out[..*len], data);
    }
    assert_eq!(ring.available(), 0);
    assert_eq!(ring.lost(), 0);
    assert!(ring.produced_bytes() > 128);
}

#[test]
fn a_record_under_way_holds_up_those_behind_it() {
    let map = make(&map_def("r", MapKind::RingBuffer, 0, 0, 256));
    let ring = map.ring().unwrap();
    let mut out = [0; 64];
    let first = ring.reserve(8, 0).unwrap();
    let second = ring.reserve(16, 0).unwrap();
    let third = ring.reserve(24, 0).unwrap();
    assert!(
        ring.holds(first)
            && ring.holds(third)
            && !ring.holds(first - 128)
            && !ring.holds(first + 256)
    );
    assert!(ring.commit(third, false));
    assert!(ring.commit(second, true));
    assert_eq!(ring.read(&mut out), Record::None);
    assert!(ring.commit(first, false));
    assert_eq!(ring.read(&mut out), Record::Read(8));
    // The second one was discarded.
    assert_eq!(ring.read(&mut out), Record::Read(24));
    assert_eq!(ring.read(&mut out), Record::None);
    assert!(!ring.commit(first, false), "a record is given back once");
    assert!(
        !ring.commit(first + 1, false) && !ring.commit(0, false) && !ring.commit(u64::MAX, true)
    );
}

#[test]
fn a_ring_buffer_without_a_reader_fills_and_counts() {
    let map = make(&map_def("r", MapKind::RingBuffer, 0, 0, 64));
    let ring = map.ring().unwrap();
    assert!(ring.output(&[1; 24], 0));
    assert!(ring.output(&[2; 24], 0));
    for lost in 1..=10 {
        assert!(!ring.output(&[3], 0));
        assert_eq!(ring.lost(), lost);
    }
    let mut out = [0; 24];
    assert_eq!(ring.read(&mut [0; 23]), Record::TooLong(24));
    assert_eq!(ring.read(&mut out), Record::Read(24));
    assert_eq!(out, [1; 24]);
    assert!(ring.output(&[4; 24], 0));
    assert_eq!(ring.read(&mut out), Record::Read(24));
    assert_eq!(out, [2; 24]);
    assert_eq!(ring.read(&mut out), Record::Read(24));
    assert_eq!(out, [4; 24]);
    assert_eq!(ring.reserve(57, 0), None, "longer than all of it");
    assert_eq!(ring.reserve(u64::MAX, 0), None);
    // There is nothing in it, but all of it is free only from its beginning on.
    assert_eq!(ring.reserve(56, 0), None);
    assert_eq!(ring.read(&mut out), Record::None);
    assert!(ring.reserve(56, 0).is_some());
}

#[test]
fn a_record_is_in_one_piece() {
    let map = make(&map_def("r", MapKind::RingBuffer, 0, 0, 64));
    let ring = map.ring().unwrap();
    let mut out = [0; 64];
    for len in 1..=24 {
        // From every place in the buffer, and a record of every length that may not fit there any more.
        for data in [vec![1_u8; 1], vec![2; len]] {
            let address = ring.reserve(data.len() as u64, 0).unwrap();
            assert_eq!(address % 8, 0);
            assert!(ring.holds(address) && ring.holds(address + data.len() as u64 - 1));
            assert!(ring.commit(address, true));
            assert_eq!(ring.read(&mut out), Record::None);
            assert!(ring.output(&data, 0), "{len}");
            assert_eq!(ring.read(&mut out), Record::Read(data.len()));
            assert_eq!(out[..data.len()], data);
        }
    }
}

#[test]
fn many_write_to_a_ring_buffer_and_one_reads() {
    const THREADS: u64 = 3;
    const RECORDS: u64 = 20_000;
    let map = make(&map_def("r", MapKind::RingBuffer, 0, 0, 4096));
    let written = AtomicU64::new(0);
    let left = AtomicU64::new(THREADS);
    let mut next = [0_u64; THREADS as usize];
    let mut count = 0;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (map, written, left) = (&map, &written, &left);
            scope.spawn(move || {
                let ring = map.ring().unwrap();
                for number in 0..RECORDS {
                    let mut data = vec![thread as u8; 16 + (number % 50) as usize];
                    data[8..16].copy_from_slice(&number.to_le_bytes());
                    written.fetch_add(
                        u64::from(ring.output(&data, thread as u32)),
                        Ordering::Relaxed,
                    );
                }
                left.fetch_sub(1, Ordering::Release);
            });
        }
        let ring = map.ring().unwrap();
        let mut out = [0; 128];
        loop {
            let over = left.load(Ordering::Acquire) == 0;
            match ring.read(&mut out) {
                Record::Read(len) => {
                    let thread = out[0] as usize;
                    let number = u64::from_le_bytes(out[8..16].try_into().unwrap());
                    assert_eq!(len, 16 + (number % 50) as usize);
                    assert!(out[16..len].iter().all(|byte| usize::from(*byte) == thread));
                    assert!(number >= next[thread], "in order");
                    next[thread] = number + 1;
                    count += 1;
                }
                Record::None if over => break,
                Record::None => thread::yield_now(),
                Record::TooLong(len) => panic!("{len}"),
            }
        }
    });
    let ring = map.ring().unwrap();
    assert_eq!(count, written.into_inner());
    assert_eq!(count + u64::from(ring.lost()), THREADS * RECORDS);
}

#[test]
fn the_same_stack_has_the_same_number() {
    let map = make(&map_def("s", MapKind::StackTrace, 4, 32, 64));
    let first = map.stack_number(&[1, 2, 3], 0, 0).unwrap();
    assert_eq!(map.stack_number(&[1, 2, 3], 0, 0), Ok(first));
    let mut wanted = [0; 32];
    for (place, frame) in wanted.chunks_mut(8).zip([1_u64, 2, 3]) {
        place.copy_from_slice(&frame.to_le_bytes());
    }
    assert_eq!(read(&map, &key(first)), Ok(wanted.to_vec()));
    assert_eq!(keys(&map), [key(first)]);
    map.delete(&key(first), 0).unwrap();
    assert_eq!(read(&map, &key(first)), Err(Errno::NoEntry));
    assert_eq!(map.delete(&key(first), 0), Err(Errno::NoEntry));
    // No deeper than values are long.
    let long = map.stack_number(&[9; 20], 0, 0).unwrap();
    assert_eq!(
        read(&map, &key(long)),
        Ok([9, 0, 0, 0, 0, 0, 0, 0].repeat(4))
    );
}

#[test]
fn stacks_that_want_the_same_number() {
    let map = make(&map_def("s", MapKind::StackTrace, 4, 32, 1));
    assert_eq!(map.stack_number(&[1], 0, 0), Ok(0));
    assert_eq!(map.stack_number(&[2], 0, 0), Err(Errno::Exists));
    assert_eq!(
        map.stack_number(&[2], stack_flags::FAST_COMPARE, 0),
        Err(Errno::Exists)
    );
    assert_eq!(map.stack_number(&[2], stack_flags::REUSE, 0), Ok(0));
    assert_eq!(read(&map, &key(0)).unwrap()[0], 2);
    assert_eq!(
        make(&map_def("a", MapKind::Array, 4, 8, 1)).stack_number(&[1], 0, 0),
        Err(Errno::Invalid)
    );
}

#[test]
fn definitions_that_are_wrong() {
    let wrong = |kind, key, value, entries| {
        Map::new(&map_def("m", kind, key, value, entries), 4, LIMIT).err()
    };
    for rule in RULES.iter() {
        let (key, value, entries) = (rule.key.0, rule.value.0, 8);
        assert_eq!(wrong(rule.kind, key, value, entries), None, "{}", rule.name);
        assert_eq!(
            wrong(rule.kind, rule.key.1 + 1, value, entries),
            Some(MapError::KeySize),
            "{}",
            rule.name
        );
        assert_eq!(
            wrong(rule.kind, key, value, 0),
            Some(MapError::Entries),
            "{}",
            rule.name
        );
        if rule.value.0 > 0 {
            assert_eq!(
                wrong(rule.kind, key, 0, entries),
                Some(MapError::ValueSize),
                "{}",
                rule.name
            );
        }
        if rule.value.1 < u32::MAX {
            assert_eq!(
                wrong(rule.kind, key, rule.value.1 + 1, entries),
                Some(MapError::ValueSize),
                "{}",
                rule.name
            );
        }
        if rule.power_of_two {
            assert_eq!(
                wrong(rule.kind, key, value, 24),
                Some(MapError::Entries),
                "{}",
                rule.name
            );
        }
        let odd = MapDef {
            flags: 1 << 20,
            ..map_def("m", rule.kind, key, value, entries)
        };
        assert_eq!(
            Map::new(&odd, 4, LIMIT).err(),
            Some(MapError::Flags),
            "{}",
            rule.name
        );
    }
    assert_eq!(
        wrong(MapKind::StackTrace, 4, 12, 8),
        Some(MapError::ValueSize)
    );
    assert_eq!(wrong(MapKind::RingBuffer, 0, 0, 4), Some(MapError::Entries));
}

#[test]
fn maps_that_are_too_large() {
    let wrong = |kind, key, value, entries| {
        Map::new(&map_def("m", kind, key, value, entries), 4, LIMIT).err()
    };
    assert_eq!(wrong(MapKind::Array, 4, 8, 1 << 20), Some(MapError::Limit));
    assert_eq!(
        wrong(MapKind::Array, 4, u32::MAX, u32::MAX),
        Some(MapError::Size)
    );
    assert_eq!(
        wrong(MapKind::PerCpuHash, 512, u32::MAX, u32::MAX),
        Some(MapError::Size)
    );
    assert_eq!(wrong(MapKind::Hash, 4, 8, u32::MAX), Some(MapError::Size));
    assert_eq!(
        wrong(MapKind::StackTrace, 4, 1016, u32::MAX),
        Some(MapError::Size)
    );
    assert_eq!(
        wrong(MapKind::RingBuffer, 0, 0, 1 << 31),
        Some(MapError::Limit)
    );
    assert_eq!(
        wrong(MapKind::ProgramArray, 4, 4, u32::MAX),
        Some(MapError::Size)
    );
    let map = Map::new(&map_def("m", MapKind::Array, 4, 8, 1000), 4, LIMIT).unwrap();
    assert!((8000..8600).contains(&map.bytes()), "{}", map.bytes());
    let exact = Map::new(&map_def("m", MapKind::Array, 4, 8, 1000), 4, map.bytes());
    assert!(exact.is_ok());
    assert_eq!(
        Map::new(
            &map_def("m", MapKind::Array, 4, 8, 1000),
            4,
            map.bytes() - 1
        )
        .err(),
        Some(MapError::Limit)
    );
}

#[test]
fn maps_hold_what_they_are_given_at_first() {
    let def = MapDef {
        initial: (0..20).collect(),
        flags: map_flags::READ_ONLY | map_flags::PRIVATE,
        types: vec![1, 2, 3],
        ..map_def(".rodata", MapKind::Array, 4, 12, 2)
    };
    let map = make(&def);
    assert_eq!(read(&map, &key(0)), Ok((0..12).collect()));
    assert_eq!(read(&map, &key(1)), Ok((12..20).chain([0; 4]).collect()));
    assert!(!map.first_value().unwrap().writable);
    assert!(!map.is_writable());
    assert_eq!(
        map.def(),
        &MapDef {
            initial: Vec::new(),
            ..def.clone()
        }
    );
    let more = MapDef {
        initial: vec![0; 25],
        ..def.clone()
    };
    assert_eq!(Map::new(&more, 4, LIMIT).err(), Some(MapError::Initial));
    let hash = MapDef {
        kind: MapKind::Hash,
        initial: vec![0],
        ..def
    };
    assert_eq!(Map::new(&hash, 4, LIMIT).err(), Some(MapError::Initial));
}

#[test]
fn what_a_type_of_map_does_not_do() {
    let ring = make(&map_def("r", MapKind::RingBuffer, 0, 0, 64));
    assert_eq!(ring.update(&[], &[], ANY, 0), Err(Errno::NotSupported));
    assert_eq!(ring.delete(&[], 0), Err(Errno::NotSupported));
    assert_eq!(ring.read(&[], &mut [], 0), Err(Errno::NotSupported));
    assert!(ring.lookup(&[], 0).is_none() && !ring.has_values());
    assert_eq!(keys(&ring), Vec::<Vec<u8>>::new());
    let stacks = make(&map_def("s", MapKind::StackTrace, 4, 8, 2));
    assert_eq!(
        stacks.update(&key(0), &value(0), ANY, 0),
        Err(Errno::NotSupported)
    );
    assert!(stacks.lookup(&key(0), 0).is_none());
    let programs = make(&map_def("p", MapKind::ProgramArray, 4, 4, 2));
    assert_eq!(
        programs.update(&key(0), &[0; 4], ANY, 0),
        Err(Errno::NotSupported)
    );
    assert_eq!(programs.delete(&key(0), 0), Err(Errno::NoEntry));
    assert_eq!(programs.delete(&key(2), 0), Err(Errno::TooBig));
    assert!(programs.first_value().is_none() && programs.array_layout().is_none());
    for map in [&ring, &stacks, &programs] {
        assert_eq!(map.value_at(map.def() as *const _ as u64, 1), None);
    }
}
