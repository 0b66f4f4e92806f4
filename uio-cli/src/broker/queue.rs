//! Frames on their way out, with what each of them means for the credits once it is gone.

use std::collections::VecDeque;

use serde::Serialize;
use uio_console::MAX_FRAME;
use uio_console::frame;

/// What a frame is about: lets the sender account for it when it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Nothing in particular.
    Nothing,
    /// So many payload bytes of output of the guest's request.
    Output {
        /// The guest's identifier of it.
        request: u32,
        /// Payload bytes.
        cost: u64,
    },
    /// The end of the guest's request.
    End {
        /// The guest's identifier of it.
        request: u32,
    },
}

impl About {
    /// The request a frame belongs to.
    #[must_use]
    pub fn request(self) -> Option<u32> {
        match self {
            Self::Nothing => None,
            Self::Output { request, .. } | Self::End { request } => Some(request),
        }
    }
}

/// A queue of frames, written out in pieces of any size.
#[derive(Debug, Default)]
pub struct Queue {
    frames: VecDeque<(Vec<u8>, About)>,
    /// Bytes of the first frame that have left.
    sent: usize,
    /// Bytes that wait.
    waiting: usize,
}

impl Queue {
    /// Appends `message` as a frame. Returns false, and appends nothing, when it is too long.
    #[must_use]
    pub fn push<T: Serialize>(&mut self, message: &T, about: About) -> bool {
        let mut bytes = vec![0; MAX_FRAME];
        let Ok(len) = frame::encode(message, &mut bytes) else {
            return false;
        };
        bytes.truncate(len);
        self.push_bytes(bytes, about);
        true
    }

    /// Appends bytes that are framed already.
    pub fn push_bytes(&mut self, bytes: Vec<u8>, about: About) {
        self.waiting += bytes.len();
        self.frames.push_back((bytes, about));
    }

    /// Bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// What to write next: the rest of the first frame.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        self.frames
            .front()
            .and_then(|(bytes, _)| bytes.get(self.sent..))
            .unwrap_or_default()
    }

    /// `count` bytes of [`Self::head`] have left. Returns what the frame was about if it is gone.
    pub fn advance(&mut self, count: usize) -> Option<About> {
        let (bytes, about) = self.frames.front()?;
        let (len, about) = (bytes.len(), *about);
        let count = count.min(len - self.sent);
        self.sent += count;
        self.waiting -= count;
        if self.sent < len {
            return None;
        }
        self.sent = 0;
        self.frames.pop_front();
        Some(about)
    }

    /// Drops every frame that is about one of `requests`, except one that has left in part; that
    /// one goes out whole, and means nothing any more.
    pub fn forget(&mut self, requests: &[u32]) {
        let mut partial = self.sent > 0;
        self.frames.retain_mut(|(_, about)| {
            let keep_whole = std::mem::take(&mut partial);
            let forgotten = about.request().is_some_and(|id| requests.contains(&id));
            if forgotten && keep_whole {
                *about = About::Nothing;
            }
            keep_whole || !forgotten
        });
        self.waiting = self
            .frames
            .iter()
            .map(|(bytes, _)| bytes.len())
            .sum::<usize>()
            - self.sent;
    }

    /// Drops everything but a frame that has left in part.
    pub fn clear(&mut self) {
        self.frames.truncate(usize::from(self.sent > 0));
        if let Some((_, about)) = self.frames.front_mut() {
            *about = About::Nothing;
        }
        self.waiting = self
            .frames
            .iter()
            .map(|(bytes, _)| bytes.len())
            .sum::<usize>()
            - self.sent;
    }
}

#[cfg(test)]
mod tests {
    use uio_console::{RequestId, ToGuest};

    use super::*;

    fn credit(id: u32) -> ToGuest<'static> {
        ToGuest::Credit {
            id: RequestId(id),
            bytes: 1,
        }
    }

    fn output(request: u32) -> About {
        About::Output { request, cost: 3 }
    }

    #[test]
    fn frames_leave_in_pieces_and_tell_when_they_are_gone() {
        let mut queue = Queue::default();
        assert!(queue.push(&credit(1), output(1)));
        assert!(queue.push(&credit(2), About::End { request: 2 }));
        let len = queue.head().len();
        assert_eq!(queue.len(), 2 * len);
        assert_eq!(queue.advance(len - 1), None);
        assert_eq!(queue.head(), [0]);
        assert_eq!(queue.advance(1), Some(output(1)));
        assert_eq!(queue.advance(len), Some(About::End { request: 2 }));
        assert!(queue.is_empty() && queue.head().is_empty());
        assert_eq!(queue.advance(1), None);
    }

    #[test]
    fn a_frame_that_left_in_part_is_never_cut() {
        let mut queue = Queue::default();
        for id in [1, 1, 2] {
            assert!(queue.push(&credit(id), output(id)));
        }
        let len = queue.head().len();
        queue.advance(1);
        queue.forget(&[1]);
        assert_eq!(queue.len(), 2 * len - 1);
        assert_eq!(queue.advance(len - 1), Some(About::Nothing));
        assert_eq!(queue.advance(1), None);
        queue.clear();
        assert_eq!(queue.len(), len - 1);
        assert_eq!(queue.advance(len), Some(About::Nothing));
    }
}
