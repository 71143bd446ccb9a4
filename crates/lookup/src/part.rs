//! A part of the rows of a table, in the order of the hashes of their keys, and the directory that says where each bucket of them begins.

use crate::build::PARTS;
use crate::marks::Marks;
use crate::varint;

/// How many rows there are in a bucket on average. A bucket is gone through from its beginning.
const BUCKET_ROWS: usize = 4;

/// The part of a table that a key belongs to.
#[inline]
pub(crate) fn part_of(hash: u64) -> usize {
    (hash >> (u64::BITS - PARTS.ilog2())) as usize
}

/// The bucket in its part. It grows with the hash.
#[inline]
fn bucket_of(hash: u64, buckets: usize) -> usize {
    let rest = hash << PARTS.ilog2() >> 32;
    ((rest * buckets as u64) >> 32) as usize
}

/// A bucket in the directory: where it begins among the rows, and the marks of its keys. Twelve bytes, without any to fill up.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    start: u32,
    marks: [u32; 2],
}

/// A part of the rows.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// All buckets, and one more that begins where the last one ends.
    directory: Vec<Bucket>,
    /// Each row behind its length.
    rows: Vec<u8>,
    buckets: usize,
}

impl Part {
    /// A part for so many rows, which take so many bytes with their lengths.
    pub(crate) fn with_capacity(rows: usize, bytes: usize) -> Self {
        let buckets = (rows / BUCKET_ROWS).max(1);
        let mut part = Part {
            directory: Vec::new(),
            rows: Vec::new(),
            buckets,
        };
        part.directory.reserve_exact(buckets + 1);
        part.rows.reserve_exact(bytes);
        part
    }

    /// The bytes that it takes.
    pub(crate) fn bytes(rows: usize, bytes: usize) -> usize {
        bytes + ((rows / BUCKET_ROWS).max(1) + 1) * size_of::<Bucket>()
    }

    /// Appends the row of the key with this hash, which is no less than the one before.
    pub(crate) fn push(&mut self, hash: u64, row: &[u8]) {
        self.begin(bucket_of(hash, self.buckets));
        if let Some(bucket) = self.directory.last_mut() {
            bucket.marks = (Marks::from(bucket.marks) | Marks::of(hash)).into();
        }
        varint::put_bytes(&mut self.rows, row);
    }

    /// Says that there are no more rows.
    pub(crate) fn close(&mut self) {
        self.begin(self.buckets);
    }

    /// Lets the buckets up to this one begin here, those that have not begun yet.
    fn begin(&mut self, bucket: usize) {
        if self.directory.len() <= bucket {
            let start = self.rows.len() as u32;
            let marks = [0; 2];
            self.directory.resize(bucket + 1, Bucket { start, marks });
        }
    }

    /// The rows among which that of the key with this hash is, if there is one, each behind its length.
    #[inline]
    pub(crate) fn rows(&self, hash: u64) -> Option<&[u8]> {
        let at = bucket_of(hash, self.buckets);
        let [bucket, next] = self.directory.get(at..)?.first_chunk()?;
        if !Marks::from(bucket.marks).have(Marks::of(hash)) {
            return None;
        }
        self.rows.get(bucket.start as usize..next.start as usize)
    }
}
