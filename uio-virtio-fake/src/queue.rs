//! The device's side of a virtqueue (VIRTIO 1.2, 2.7: split virtqueues).

use crate::INDIRECT_DESC;
use crate::chain::{Chain, Segment};
use crate::device::Shared;
use crate::world::{Inside, lock};
use std::collections::BTreeSet;
use std::sync::Arc;
use virtio_drivers::PhysAddr;
use virtio_drivers::transport::{DeviceStatus, InterruptStatus};

/// `VIRTQ_DESC_F_NEXT`, `_WRITE` and `_INDIRECT` (VIRTIO 1.2, 2.7.5).
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// Bytes of one descriptor.
const DESCRIPTOR: u64 = 16;

/// What the device knows about a queue.
pub(crate) struct QueueState {
    pub(crate) max_size: u32,
    /// Number of entries, 0 while the driver has not set it.
    pub(crate) size: u16,
    descriptors: PhysAddr,
    driver_area: PhysAddr,
    device_area: PhysAddr,
    /// Next entry of the available ring to take.
    next_avail: u16,
    /// Next entry of the used ring to fill.
    next_used: u16,
    in_flight: BTreeSet<u16>,
    /// The device used what it did not have, so that `in_flight` is no longer what the driver believes.
    lied: bool,
    pub(crate) notifications: usize,
}

impl QueueState {
    pub(crate) fn new(max_size: u32) -> Self {
        Self {
            max_size,
            size: 0,
            descriptors: 0,
            driver_area: 0,
            device_area: 0,
            next_avail: 0,
            next_used: 0,
            in_flight: BTreeSet::new(),
            lied: false,
            notifications: 0,
        }
    }

    /// As after a reset of the device; the count of notifications goes on.
    pub(crate) fn reset(&mut self) {
        let notifications = self.notifications;
        *self = Self {
            notifications,
            ..Self::new(self.max_size)
        };
    }

    pub(crate) fn set(
        &mut self,
        size: u16,
        [descriptors, driver_area, device_area]: [PhysAddr; 3],
    ) {
        self.reset();
        self.size = size;
        self.descriptors = descriptors;
        self.driver_area = driver_area;
        self.device_area = device_area;
    }

    /// The memory that the device uses for this queue.
    pub(crate) fn memory(&self) -> Vec<(PhysAddr, usize)> {
        let size = usize::from(self.size);
        if size == 0 {
            return Vec::new();
        }
        vec![
            (self.descriptors, 16 * size),
            (self.driver_area, 6 + 2 * size),
            (self.device_area, 6 + 8 * size),
        ]
    }

    fn slot(&self, index: u16) -> u64 {
        u64::from(index % self.size)
    }
}

/// A handle on the device's side of one queue.
pub struct DeviceQueue {
    shared: Arc<Shared>,
    index: u16,
}

impl DeviceQueue {
    pub(crate) fn new(shared: Arc<Shared>, index: u16) -> Self {
        Self { shared, index }
    }

    fn with<R>(&self, f: impl FnOnce(&mut QueueState) -> R) -> R {
        f(&mut lock(&self.shared.state).queues[usize::from(self.index)])
    }

    /// The number of entries that the driver chose, 0 while it has not.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.with(|q| q.size)
    }

    /// Number of chains that the driver made available and the device has not popped; none before `DRIVER_OK`.
    #[must_use]
    pub fn available(&self) -> u16 {
        if !lock(&self.shared.state)
            .status
            .contains(DeviceStatus::DRIVER_OK)
        {
            return 0;
        }
        self.with(|q| {
            if q.size == 0 {
                return 0;
            }
            let waiting = self
                .shared
                .world
                .memory()
                .load_u16(q.driver_area + 2)
                .wrapping_sub(q.next_avail);
            if waiting > q.size && !q.lied {
                self.shared.violation(format!(
                    "{waiting} chains available in a queue of {}",
                    q.size
                ));
                return 0;
            }
            waiting
        })
    }

    /// Number of chains popped and not pushed used.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.with(|q| q.in_flight.len())
    }

    /// Takes the next available chain. `None` if there is none, or if it breaks the rules (which is a violation).
    #[must_use]
    pub fn pop(&self) -> Option<Chain> {
        let _inside = Inside::enter();
        if self.available() == 0 {
            return None;
        }
        let head = self.with(|q| {
            let entry = q.driver_area + 4 + 2 * q.slot(q.next_avail);
            q.next_avail = q.next_avail.wrapping_add(1);
            self.shared.world.memory().load_u16(entry)
        });
        let fresh = self.with(|q| q.in_flight.insert(head) || q.lied);
        if !fresh {
            self.shared.violation(format!(
                "descriptor {head} made available while the device has it"
            ));
        }
        let segments = self.walk(head)?;
        Some(Chain::new(
            Arc::clone(&self.shared),
            self.index,
            head,
            segments,
        ))
    }

    /// The segments of a chain, indirect tables included.
    fn walk(&self, head: u16) -> Option<Vec<Segment>> {
        let (size, table) = self.with(|q| (q.size, q.descriptors));
        let (addr, len, flags, _next) = self.descriptor(table, head, size)?;
        if flags & INDIRECT == 0 {
            return self.walk_table(table, head, size);
        }
        if lock(&self.shared.state).accepted & INDIRECT_DESC == 0 {
            self.shared
                .violation("indirect descriptor although not negotiated");
        }
        if flags != INDIRECT || !len.is_multiple_of(DESCRIPTOR as u32) {
            self.shared.violation(format!(
                "bad indirect descriptor: flags {flags}, {len} bytes"
            ));
            return None;
        }
        self.walk_table(addr, 0, u16::try_from(len / DESCRIPTOR as u32).ok()?)
    }

    fn walk_table(&self, table: PhysAddr, head: u16, entries: u16) -> Option<Vec<Segment>> {
        let mut segments: Vec<Segment> = Vec::new();
        let mut at = head;
        loop {
            let (paddr, len, flags, next) = self.descriptor(table, at, entries)?;
            let writable = flags & WRITE != 0;
            if !writable && segments.last().is_some_and(|s| s.writable) {
                self.shared.violation(format!(
                    "chain {head}: a readable part after a writable one"
                ));
            }
            if len == 0 {
                self.shared
                    .violation(format!("chain {head}: an empty part"));
            }
            segments.push(Segment {
                paddr,
                len,
                writable,
            });
            if flags & NEXT == 0 {
                return Some(segments);
            }
            if segments.len() >= usize::from(entries) {
                self.shared
                    .violation(format!("chain {head} goes in a circle"));
                return None;
            }
            at = next;
        }
    }

    fn descriptor(
        &self,
        table: PhysAddr,
        index: u16,
        entries: u16,
    ) -> Option<(u64, u32, u16, u16)> {
        let mut raw = [0; DESCRIPTOR as usize];
        if index >= entries {
            self.shared
                .violation(format!("descriptor {index} of a table of {entries}"));
            return None;
        }
        if !self
            .shared
            .world
            .memory()
            .read(table + DESCRIPTOR * u64::from(index), &mut raw)
        {
            return None;
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = raw;
        let addr = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Some((
            addr,
            u32::from_le_bytes([i, j, k, l]),
            u16::from_le_bytes([m, n]),
            u16::from_le_bytes([o, p]),
        ))
    }

    /// Adds an entry to the used ring, true or not, and raises an interrupt if the driver wants one.
    ///
    /// `id` should be the [`Chain::head`] of a popped chain and `len` the number of bytes written to it.
    pub fn push_used(&self, id: impl Into<u32>, len: u32) {
        self.push_used_quietly(id, len);
        if self.interrupt_wanted() {
            self.shared.interrupt(InterruptStatus::QUEUE_INTERRUPT);
        }
    }

    /// As [`push_used`](Self::push_used), without an interrupt whatever the driver wants: more will follow.
    pub fn push_used_quietly(&self, id: impl Into<u32>, len: u32) {
        let _inside = Inside::enter();
        let id = id.into();
        let world = &self.shared.world;
        self.with(|q| {
            if q.size == 0 {
                return;
            }
            let had = u16::try_from(id).is_ok_and(|head| q.in_flight.remove(&head));
            q.lied |= !had;
            let entry = q.device_area + 4 + 8 * q.slot(q.next_used);
            world.memory().write(entry, &id.to_le_bytes());
            world.memory().write(entry + 4, &len.to_le_bytes());
            q.next_used = q.next_used.wrapping_add(1);
            world.memory().store_u16(q.device_area + 2, q.next_used);
        });
    }

    /// Lies about how many entries of the used ring are filled: adds `count` without filling them.
    pub fn skip_used(&self, count: u16) {
        self.with(|q| {
            q.lied = true;
            q.next_used = q.next_used.wrapping_add(count);
            self.shared
                .world
                .memory()
                .store_u16(q.device_area + 2, q.next_used);
        });
    }

    /// Whether the driver wants an interrupt for the entry used last (VIRTIO 1.2, 2.7.7 and 2.7.8).
    #[must_use]
    pub fn interrupt_wanted(&self) -> bool {
        let event_idx = lock(&self.shared.state).event_idx();
        let world = &self.shared.world;
        self.with(|q| {
            if q.size == 0 {
                false
            } else if event_idx {
                let used_event = world
                    .memory()
                    .load_u16(q.driver_area + 4 + 2 * u64::from(q.size));
                used_event == q.next_used.wrapping_sub(1)
            } else {
                world.memory().load_u16(q.driver_area) & 1 == 0
            }
        })
    }

    /// Tells the driver not to notify this queue, or to do so again (without `EVENT_IDX`).
    pub fn suppress_notifications(&self, suppress: bool) {
        self.with(|q| {
            self.shared
                .world
                .memory()
                .store_u16(q.device_area, u16::from(suppress));
        });
    }

    /// Tells the driver after which available entry to notify (with `EVENT_IDX`).
    pub fn set_avail_event(&self, index: u16) {
        self.with(|q| {
            let avail_event = q.device_area + 4 + 8 * u64::from(q.size);
            self.shared.world.memory().store_u16(avail_event, index);
        });
    }

    /// Writes `bytes` as a device does that fills one popped chain after another, pushing each; returns the bytes
    /// for which no chain was available.
    pub fn fill<'a>(&self, mut bytes: &'a [u8]) -> &'a [u8] {
        while !bytes.is_empty() {
            let Some(chain) = self.pop() else { break };
            let written = chain.write(0, bytes);
            self.push_used(chain.head(), written as u32);
            bytes = &bytes[written..];
        }
        bytes
    }

    /// Reads every available chain and pushes it used with length 0.
    #[must_use]
    pub fn drain(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chain) = self.pop() {
            all.push(chain.read());
            self.push_used(chain.head(), 0);
        }
        all
    }
}
