//! Which of several takes a request: the less busy of two at random.
//!
//! Two choices keep the busiest within a constant of the average, where one choice lets it grow with the logarithm, and
//! unlike the least of all they do not send everybody to the one that has just come back (Mitzenmacher, "The Power of Two
//! Choices in Randomized Load Balancing", 2001).
//!
//! Invariant: no IO; the caller brings the random number.

/// One of `all`, of which `load` says how busy each is. None where there is none.
pub(super) fn choose<T: Copy>(all: &[T], load: impl Fn(T) -> usize, random: u64) -> Option<T> {
    let count = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
    let at = |number: u64| usize::try_from(number).ok().and_then(|number| all.get(number)).copied();
    let first = (random >> 32) % count;
    let one = at(first)?;
    if count == 1 {
        return Some(one);
    }
    // Any but the first: so many steps on, around the end.
    let other = at((first + 1 + (random & 0xffff_ffff) % (count - 1)) % count)?;
    Some(if load(other) < load(one) { other } else { one })
}

/// Makes a number that looks random of each number of a sequence: the finaliser of SplitMix64 (Steele and others, 2014).
pub(super) const fn mix(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{choose, mix};

    #[test]
    fn the_busiest_is_never_chosen_and_all_others_are() {
        let loads = [0, 9, 3, 1];
        let mut chosen = [0; 4];

        for number in 0..10_000 {
            chosen[choose(&[0, 1, 2, 3], |at| loads[at], mix(number)).unwrap()] += 1;
        }

        assert_eq!(chosen[1], 0, "{chosen:?}");
        assert!(chosen[0] > chosen[3] && chosen[3] > chosen[2] && chosen[2] > 0, "{chosen:?}");
    }

    #[test]
    fn equals_share_evenly() {
        let mut chosen = [0_i32; 3];
        for number in 0..30_000 {
            chosen[choose(&[0, 1, 2], |_| 0, mix(number)).unwrap()] += 1;
        }

        assert!(chosen.iter().all(|count| (count - 10_000).abs() < 500), "{chosen:?}");
    }

    #[test]
    fn of_none_there_is_none() {
        assert_eq!(choose(&[] as &[u8], |_| 0, 7), None);
        assert_eq!(choose(&[5], |_| 0, 7), Some(5));
    }
}
