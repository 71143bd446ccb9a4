//! A slab: values in numbered places, in segments of a fixed size.
//!
//! A vector that doubles would copy everything and hold one and a half times its memory while it does. Segments are allocated
//! one at a time and never move. The lowest place that is free is used first, so that after a rush the upper segments become
//! empty, and an empty segment is given back.

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// A place and which of the values that stood there in the course of time is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) place: u32,
    generation: u32,
}

impl Key {
    /// A number that no other key has.
    pub(super) fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.place)
    }
}

#[derive(Debug)]
struct Place<T> {
    /// Odd while there is a value.
    generation: u32,
    /// The next free place of the segment, while there is none.
    next: u32,
    value: T,
}

#[derive(Debug)]
struct Segment<T> {
    places: Vec<Place<T>>,
    /// The first of the segment's places that were used and are free.
    free: u32,
    held: u32,
}

/// Values of type `T` in numbered places.
#[derive(Debug)]
pub(super) struct Slab<T> {
    segments: Vec<Option<Segment<T>>>,
    /// Segments begin with this generation, so that keys of a segment that was given back do not fit its successor.
    era: u32,
    shift: u32,
    most: usize,
    held: usize,
    allocated: usize,
    /// No segment below has a free place.
    lowest: usize,
}

impl<T: Default> Slab<T> {
    /// A slab for up to `most` values, in segments of `2^shift`.
    pub(super) fn new(most: usize, shift: u32) -> Self {
        Slab {
            segments: Vec::with_capacity(most.div_ceil(1 << shift)),
            era: 1,
            shift,
            most,
            held: 0,
            allocated: 0,
            lowest: 0,
        }
    }

    /// What the list of segments takes.
    pub(super) const fn fixed_bytes(most: usize, shift: u32) -> usize {
        most.div_ceil(1 << shift) * size_of::<Option<Segment<T>>>()
    }

    /// What a segment of `2^shift` places takes.
    pub(super) const fn bytes_of_segment(shift: u32) -> usize {
        size_of::<Place<T>>() << shift
    }

    pub(super) const fn segment_bytes(&self) -> usize {
        Self::bytes_of_segment(self.shift)
    }

    /// What the segments take.
    pub(super) const fn bytes(&self) -> usize {
        self.allocated * self.segment_bytes()
    }

    /// How many values there are.
    pub(super) const fn len(&self) -> usize {
        self.held
    }

    /// By how many bytes the next `more` insertions let it grow; nothing if there are not so many places.
    pub(super) fn growth(&self, more: usize) -> Option<usize> {
        if self.held + more > self.most {
            return None;
        }
        let free = (self.allocated << self.shift) - self.held;
        let segments = more.saturating_sub(free).div_ceil(1 << self.shift);
        Some(segments * self.segment_bytes())
    }

    /// The key of the value at `place`.
    #[inline]
    pub(super) fn key(&self, place: u32) -> Option<Key> {
        let generation = self.place(place)?.generation;
        (generation & 1 == 1).then_some(Key { place, generation })
    }

    /// The value at `place`, or what is left of the last one there.
    #[inline]
    pub(super) fn at(&self, place: u32) -> Option<&T> {
        self.place(place).map(|place| &place.value)
    }

    /// [`Slab::at`], to be changed.
    #[inline]
    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut T> {
        self.place_mut(place).map(|place| &mut place.value)
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let place = self.place(key.place)?;
        (place.generation == key.generation).then_some(&place.value)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.place_mut(key.place)?;
        (place.generation == key.generation).then_some(&mut place.value)
    }

    #[inline]
    fn place(&self, place: u32) -> Option<&Place<T>> {
        let (segment, within) = self.split(place);
        self.segments.get(segment)?.as_ref()?.places.get(within)
    }

    #[inline]
    fn place_mut(&mut self, place: u32) -> Option<&mut Place<T>> {
        let (segment, within) = self.split(place);
        self.segments.get_mut(segment)?.as_mut()?.places.get_mut(within)
    }

    #[inline]
    const fn split(&self, place: u32) -> (usize, usize) {
        let within = place & ((1 << self.shift) - 1);
        ((place >> self.shift) as usize, within as usize)
    }

    /// Puts a value at the lowest segment's next place; nothing if there are as many as there may be.
    pub(super) fn insert(&mut self, value: T) -> Option<Key> {
        if self.held >= self.most {
            return None;
        }
        let index = self.segment_with_room();
        let era = self.era;
        let segment = self.segments.get_mut(index)?.as_mut()?;
        let within = if segment.free == NONE {
            segment.places.push(Place {
                generation: era,
                next: NONE,
                value,
            });
            (segment.places.len() - 1) as u32
        } else {
            let within = segment.free;
            let place = segment.places.get_mut(within as usize)?;
            segment.free = place.next;
            place.generation = place.generation.wrapping_add(1);
            place.value = value;
            within
        };
        segment.held += 1;
        self.held += 1;
        self.key((index << self.shift) as u32 | within)
    }

    /// The lowest segment with a free place, made if there is none.
    fn segment_with_room(&mut self) -> usize {
        let size = 1_u32 << self.shift;
        let from = self.segments.iter().enumerate().skip(self.lowest);
        let has_room =
            |segment: &Option<Segment<T>>| segment.as_ref().is_some_and(|segment| segment.held < size);
        let index = match from.into_iter().find(|(_, segment)| has_room(segment)) {
            Some((index, _)) => index,
            None => self.add_segment(),
        };
        self.lowest = index;
        index
    }

    fn add_segment(&mut self) -> usize {
        let segment = Some(Segment {
            places: Vec::with_capacity(1 << self.shift),
            free: NONE,
            held: 0,
        });
        self.allocated += 1;
        let vacant = self.segments.iter().position(Option::is_none);
        match vacant.and_then(|index| self.segments.get_mut(index)) {
            Some(place) => *place = segment,
            None => self.segments.push(segment),
        }
        vacant.unwrap_or(self.segments.len() - 1)
    }

    /// Takes the value out, and gives its segment back if it was the last one there.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let (index, within) = self.split(key.place);
        let segment = self.segments.get_mut(index)?.as_mut()?;
        let place = segment.places.get_mut(within)?;
        place.generation = place.generation.wrapping_add(1);
        place.next = segment.free;
        let value = std::mem::take(&mut place.value);
        segment.free = within as u32;
        segment.held -= 1;
        self.held -= 1;
        self.lowest = self.lowest.min(index);
        let empty = segment.held == 0;
        if empty && self.allocated > 1 {
            self.release(index);
        }
        Some(value)
    }

    fn release(&mut self, index: usize) {
        let Some(place) = self.segments.get_mut(index) else {
            return;
        };
        let used = place.take().map_or(0, |segment| {
            let generations = segment.places.iter().map(|place| place.generation);
            generations.max().unwrap_or(0)
        });
        self.allocated -= 1;
        // Odd, and above every generation that was given out in the segment.
        self.era = self.era.max(used.wrapping_add(1) | 1);
    }
}
