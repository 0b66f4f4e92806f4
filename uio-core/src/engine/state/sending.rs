//! Who may send what, and when.

use super::{Busy, CONTROL, Duty, Ending, Permit, Phase, State};

impl State {
    /// Asks to send a frame of the request that worker `index` runs, for `cost` of its credit.
    pub(crate) fn begin(&mut self, index: usize, cost: u32, even_interrupted: bool) -> Permit {
        let held = self.held();
        let Some(slot) = self.current(index) else {
            return Permit::Gone;
        };
        if slot.interrupted && !even_interrupted {
            return Permit::Interrupted;
        }
        if held {
            return Permit::Later;
        }
        if slot.credit < cost {
            return Permit::Credit;
        }
        slot.credit -= cost;
        self.in_flight += 1;
        Permit::Go
    }

    /// Asks to send the last frame of a request of session `generation`.
    pub(crate) fn begin_exit(&mut self, generation: u32) -> Permit {
        if generation != self.generation {
            return Permit::Gone;
        }
        if self.held() {
            return Permit::Later;
        }
        self.in_flight += 1;
        Permit::Go
    }

    /// Whether the session's first (or last) frame is still to be sent.
    pub(super) fn held(&self) -> bool {
        self.control.is_some() || self.busy == Busy::Control
    }

    /// The frame was sent, or there was no room and `refund` goes back to the request of worker
    /// `index`. Returns whether the caller is to send the session's waiting frame now.
    pub(crate) fn end(&mut self, index: usize, refund: u32) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        if refund != 0
            && let Some(slot) = self.current(index)
        {
            slot.credit = slot.credit.saturating_add(refund);
        }
        self.in_flight == 0 && self.control.is_some()
    }

    pub(super) fn endings(&self) -> &[Ending] {
        self.outbox
            .get(..usize::from(self.outbox_len))
            .unwrap_or_default()
    }

    /// Keeps the end of a request until it can be sent; false when too many wait already.
    pub(crate) fn push_ending(&mut self, ending: Ending) -> bool {
        let Some(place) = self.outbox.get_mut(usize::from(self.outbox_len)) else {
            return false;
        };
        *place = ending;
        self.outbox_len += 1;
        true
    }

    /// What is to be sent now. Anything but `None` and `Busy` must be followed by
    /// [`Self::duty_done`].
    pub(crate) fn duty(&mut self) -> Duty {
        let duty = match (self.control, self.endings().first()) {
            (None, None) => return Duty::None,
            _ if self.busy != Busy::Not => return Duty::Busy,
            (Some(_), _) if self.in_flight != 0 => return Duty::Busy,
            (Some(control), _) => Duty::Control(control),
            (None, Some(&ending)) => Duty::Ending(ending),
        };
        self.busy = match duty {
            Duty::Control(_) => Busy::Control,
            _ => Busy::Ending,
        };
        if self.busy == Busy::Control {
            self.control = None;
        }
        duty
    }

    /// `duty` was done, or had no room, as of session `generation`; an ending may have been sent
    /// in part. Returns the workers to wake.
    pub(crate) fn duty_done(&mut self, duty: Duty, generation: u32, sent: bool) -> u32 {
        self.busy = Busy::Not;
        let stale = generation != self.generation;
        match duty {
            Duty::Control(control) if !sent && !stale => self.control = Some(control),
            Duty::Control(_) if sent => return self.working(),
            Duty::Ending(ending) if !stale => {
                if sent {
                    let len = usize::from(self.outbox_len);
                    if let Some(waiting) = self.outbox.get_mut(..len) {
                        waiting.rotate_left(1);
                    }
                    self.outbox_len = self.outbox_len.saturating_sub(1);
                } else if let Some(first) = self.outbox.first_mut() {
                    *first = ending;
                }
            }
            _ => {}
        }
        0
    }

    /// The control worker is needed: whether it has to be spawned.
    pub(crate) fn call_control(&mut self) -> bool {
        let worker = self.worker(CONTROL);
        let absent = worker.phase == Phase::Absent;
        worker.phase = Phase::Ending;
        absent
    }

    /// The control worker could not be spawned.
    pub(crate) fn lose_control(&mut self) {
        self.worker(CONTROL).phase = Phase::Absent;
    }

    /// Whether the control worker may end.
    pub(crate) fn rest_control(&mut self) -> bool {
        let idle = self.control.is_none() && self.outbox_len == 0;
        if idle {
            self.worker(CONTROL).phase = Phase::Absent;
        }
        idle
    }
}
