//! Writes protobuf fields behind a size limit, nested messages in place: their length is put before them once it is
//! known, and the bytes move up if it needs more than one byte.

/// The bytes written so far.
#[derive(Debug)]
pub(super) struct Wire {
    bytes: Vec<u8>,
    limit: usize,
}

/// Where the body of an open message or packed field starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open(usize);

impl Wire {
    /// Room for `expected` bytes, but for no more than `limit`.
    pub(super) fn new(expected: usize, limit: usize) -> Self {
        Wire {
            bytes: Vec::with_capacity(expected.min(limit)),
            limit,
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// The limit, if it is exceeded. Asked after each value, so that the excess is at most one value.
    pub(super) fn excess(&self) -> Option<usize> {
        (self.bytes.len() > self.limit).then_some(self.limit)
    }

    /// Starts a field of a wire type.
    pub(super) fn tag(&mut self, number: u32, wire_type: u8) {
        self.varint(u64::from(number) << 3 | u64::from(wire_type));
    }

    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn length_delimited(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, 2);
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Starts a length-delimited field whose length is not known yet.
    pub(super) fn open(&mut self, number: u32) -> Open {
        self.tag(number, 2);
        self.bytes.push(0);
        Open(self.bytes.len())
    }

    /// Ends the field that [`Wire::open`] started. The length of its value.
    pub(super) fn close(&mut self, Open(start): Open) -> usize {
        let end = self.bytes.len();
        let length = end - start;
        self.varint(length as u64);
        // The length now stands behind the body, where its own size is known; it belongs before it.
        let size = self.bytes.len() - end;
        if let Some(from_length) = self.bytes.get_mut(start - 1..) {
            let mut prefix = [0_u8; 10];
            for (to, from) in prefix.iter_mut().zip(from_length.iter().skip(length + 1)) {
                *to = *from;
            }
            from_length.copy_within(1..=length, size);
            for (to, from) in from_length.iter_mut().zip(prefix.iter().take(size)) {
                *to = *from;
            }
        }
        self.bytes.truncate(start - 1 + size + length);
        length
    }
}
