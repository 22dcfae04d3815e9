//! The generator's random choices.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64, client: u64) -> Self {
        // Multiplied by an odd constant, so that neighbouring clients do not share seeds with neighbouring seeds.
        Self(StdRng::seed_from_u64(seed ^ client.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn within(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).expect("low is not above high") + 1;
        low + i64::try_from(self.0.next_u64() % span).expect("a span of days or minutes is small")
    }

    /// The same for the small numbers of clocks.
    pub(super) fn small(&mut self, low: i8, high: i8) -> i8 {
        i8::try_from(self.within(i64::from(low), i64::from(high))).expect("between two small numbers")
    }

    /// True in so many of a thousand cases.
    pub(super) fn permille(&mut self, chance: i64) -> bool {
        self.within(1, 1000) <= chance
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let last = i64::try_from(from.len()).expect("lists are short") - 1;
        from[usize::try_from(self.within(0, last)).expect("not negative")]
    }

    /// `count` different places of a list of `length`, in order.
    pub(super) fn places(&mut self, count: usize, length: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..length).collect();
        while places.len() > count {
            let last = i64::try_from(places.len()).expect("lists are short") - 1;
            places.remove(usize::try_from(self.within(0, last)).expect("not negative"));
        }
        places
    }
}
