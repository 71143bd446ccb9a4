//! HTTP/2's frames as they go by (RFC 9113, section 4): where one begins and ends, and which of them ask for work without
//! bringing any.
//!
//! HTTP/2 itself is spoken by h2, which bounds what frames may make it keep. What it does not bound is how many frames of no
//! use a client may send, and how long it may take over one.

/// What a client of HTTP/2 begins with (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The length of what goes before each frame's payload.
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
/// On DATA: the last frame of the stream.
const END_STREAM: u8 = 1;
/// On HEADERS and CONTINUATION: the last frame of the block.
const END_HEADERS: u8 = 4;
/// On DATA and HEADERS: filled up with bytes of no meaning.
const PADDED: u8 = 8;

/// Follows the frames of one client.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    at: At,
    /// Whether the client's first settings have come.
    settled: bool,
    /// Whether a block of headers has begun and not ended.
    block: bool,
}

#[derive(Clone, Debug)]
enum At {
    /// In the preface, after so many bytes.
    Preface(usize),
    /// In the head of a frame, after so many bytes.
    Head([u8; HEAD], usize),
    /// In the payload of a frame, before so many bytes.
    Payload { left: usize, data: bool },
    /// Not HTTP/2 at all.
    Elsewhere,
}

impl Frames {
    /// At the start of a connection.
    pub(super) fn new() -> Self {
        Frames {
            at: At::Preface(0),
            settled: false,
            block: false,
        }
    }

    /// Goes on over `bytes`, and counts the frames in them that carry neither a request nor data.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> u32 {
        let mut idle = 0;
        while !bytes.is_empty() {
            let taken = match &mut self.at {
                At::Elsewhere => return idle,
                At::Preface(seen) => {
                    let expected = PREFACE.get(*seen..).unwrap_or_default();
                    let taken = expected.len().min(bytes.len());
                    if bytes.get(..taken) != expected.get(..taken) {
                        self.at = At::Elsewhere;
                        return idle;
                    }
                    *seen += taken;
                    if *seen == PREFACE.len() {
                        self.at = At::Head([0; HEAD], 0);
                    }
                    taken
                }
                At::Head(head, seen) => {
                    let room = head.get_mut(*seen..).unwrap_or_default();
                    let taken = room.len().min(bytes.len());
                    for (to, from) in room.iter_mut().zip(bytes) {
                        *to = *from;
                    }
                    *seen += taken;
                    if *seen == HEAD {
                        let head = *head;
                        idle += u32::from(self.begin(head));
                    }
                    taken
                }
                At::Payload { left, .. } => {
                    let taken = (*left).min(bytes.len());
                    *left -= taken;
                    if *left == 0 {
                        self.at = At::Head([0; HEAD], 0);
                    }
                    taken
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        idle
    }

    /// Whether the client owes the rest of something that is no data: the preface, the settings, headers, a frame.
    pub(super) fn midway(&self) -> bool {
        let in_frame = match self.at {
            At::Preface(_) => true,
            At::Head(_, seen) => seen > 0,
            At::Payload { data, .. } => !data,
            At::Elsewhere => return false,
        };
        in_frame || !self.settled || self.block
    }

    /// Begins the frame with this head; whether it carries neither a request nor data.
    fn begin(&mut self, head: [u8; HEAD]) -> bool {
        let [high, middle, low, kind, flags, ..] = head;
        let left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.at = if left == 0 {
            At::Head([0; HEAD], 0)
        } else {
            At::Payload {
                left,
                data: kind == DATA,
            }
        };
        match kind {
            DATA => flags & PADDED != 0 || (left == 0 && flags & END_STREAM == 0),
            HEADERS => {
                self.block = flags & END_HEADERS == 0;
                false
            }
            CONTINUATION => {
                self.block = flags & END_HEADERS == 0;
                true
            }
            SETTINGS => {
                self.settled = true;
                true
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.extend_from_slice(payload);
        frame
    }

    fn started() -> Frames {
        let mut frames = Frames::new();
        frames.pass(PREFACE);
        frames.pass(&frame(SETTINGS, 0, &[]));
        assert!(!frames.midway());
        frames
    }

    #[test]
    fn frames_that_bring_nothing_are_counted() {
        let count = |kind, flags, payload: &[u8]| started().pass(&frame(kind, flags, payload));
        for (kind, flags, payload) in [
            (DATA, 0, &b""[..]),
            (DATA, PADDED | END_STREAM, b"\x01x"),
            (2, 0, b"12345"),
            (3, 0, b"1234"),
            (SETTINGS, 0, b""),
            (SETTINGS, 1, b""),
            (6, 0, b"12345678"),
            (8, 0, b"1234"),
            (CONTINUATION, END_HEADERS, b"x"),
            (250, 0, b""),
        ] {
            assert_eq!(count(kind, flags, payload), 1, "{kind}");
        }
        for (kind, flags, payload) in [
            (DATA, 0, &b"x"[..]),
            (DATA, END_STREAM, b""),
            (HEADERS, END_HEADERS, b"x"),
        ] {
            assert_eq!(count(kind, flags, payload), 0, "{kind}");
        }
    }

    #[test]
    fn what_is_owed_is_known() {
        let mut frames = Frames::new();
        assert!(frames.midway(), "nothing has come");
        frames.pass(PREFACE);
        assert!(frames.midway(), "the settings have not come");
        let mut frames = started();
        frames.pass(&frame(HEADERS, 0, b"x"));
        assert!(frames.midway(), "a block of headers");
        frames.pass(&frame(CONTINUATION, END_HEADERS, b"x"));
        assert!(!frames.midway());
        frames.pass(&frame(DATA, 0, b"data")[..10]);
        assert!(!frames.midway(), "the rest of data is a matter of its request");
        frames.pass(b"ata");
        frames.pass(&frame(6, 0, b"12345678")[..12]);
        assert!(frames.midway(), "a ping");
        let mut other = Frames::new();
        other.pass(b"POST / HTTP/1.1\r\n");
        assert!(!other.midway(), "not HTTP/2");
    }

    #[test]
    fn property_it_does_not_matter_how_bytes_are_cut() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let mut bytes = PREFACE.to_vec();
            for _ in 0..random.usize(..20) {
                let payload = vec![random.u8(..); random.usize(..40)];
                bytes.extend(frame(random.u8(..12), random.u8(..), &payload));
            }
            let (mut whole, mut cut) = (Frames::new(), Frames::new());
            let counted = whole.pass(&bytes);
            let pieces = bytes.chunks(random.usize(1..15));
            assert_eq!(pieces.map(|piece| cut.pass(piece)).sum::<u32>(), counted);
            assert_eq!(whole.midway(), cut.midway());
        }
    }
}
