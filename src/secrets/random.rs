//! Random bytes from the operating system, for keys, salts and tokens.

use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Fills an array with random bytes; it is wiped when dropped.
///
/// # Errors
/// [`RandomError`] when the operating system gives no randomness.
pub fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, RandomError> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// The operating system gave no randomness. Nothing secret can be made until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(*bytes::<32>().unwrap(), *bytes::<32>().unwrap());
    }
}
