//! Verifies the argon2 hashes that come with imported users.
//!
//! Invariant: a hash that asks for more memory or work than the bounds is refused before any of it is done.

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};

use crate::secrets::password::MalformedHash;

/// 128 MiB: twice what PHP and RFC 9106's second choice take, and more than argon2-cffi's older 100 MiB.
const MOST_MEMORY_KIB: u32 = 128 * 1024;
/// Memory times passes. It takes about a second of one core.
const MOST_WORK_KIB: u64 = 512 * 1024;
const MOST_LANES: u32 = 16;

/// Whether the text is of this kind at all.
pub(super) fn is_argon2(text: &str) -> bool {
    ["$argon2id$", "$argon2i$"].iter().any(|prefix| text.starts_with(prefix))
}

/// Checks the form and the bounds.
pub(super) fn check(text: &str) -> Result<(), MalformedHash> {
    parse(text).map(drop)
}

/// Whether the password is the hash's.
pub(super) fn matches(password: &[u8], text: &str) -> Result<bool, MalformedHash> {
    Ok(Argon2::default().verify_password(password, &parse(text)?).is_ok())
}

fn parse(text: &str) -> Result<Phc, MalformedHash> {
    let hash = Phc::new(text).map_err(|_| MalformedHash::Argon2Shape)?;
    Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| MalformedHash::Argon2Shape)?;
    let params = Params::try_from(&hash).map_err(|_| MalformedHash::Argon2Shape)?;
    let version = hash.version.and_then(|version| Version::try_from(version).ok());
    if hash.salt.is_none() || hash.hash.is_none() || version.is_none() {
        return Err(MalformedHash::Argon2Shape);
    }
    let work_kib = u64::from(params.m_cost()) * u64::from(params.t_cost());
    let fits = params.m_cost() <= MOST_MEMORY_KIB
        && work_kib <= MOST_WORK_KIB
        && (LEAST_WORK_KIB..).contains(&work_kib)
        && params.p_cost() <= MOST_LANES;
    if fits { Ok(hash) } else { Err(MalformedHash::Argon2Cost) }
}

/// What OWASP names as the least, 12 MiB and three passes, is 36 MiB of work; a third of that is no protection.
const LEAST_WORK_KIB: u64 = 12 * 1024;

#[cfg(test)]
mod tests {
    use super::{check, matches};
    use crate::secrets::password::MalformedHash;

    #[test]
    fn hashes_of_php_and_argon2_cffi_verify() {
        for text in [
            // argon2-cffi 25.1.0, by default and as its older releases did.
            "$argon2id$v=19$m=65536,t=3,p=4$Hat6ENmxwHW9pfaUZr8ucg$b56jurpcGFu71yD2ZCSwYAc2hbM00Lg3WR10BuQZ4lY",
            "$argon2i$v=19$m=65536,t=3,p=4$wOEzttgevJ/Gg4zJYs/nRQ$+fjEy8ZpytkX57ueSKRq9ZE1HTEGolVCE1YB2jRinT8",
            "$argon2id$v=19$m=102400,t=2,p=8$hJQkr2QzABC7PAeGe7ttqw$iwAQrF9wBGWdjYYZuNHzH+zGgidlUEqbn3TIc2FPFVw",
            // PHP 8.2.36's password_hash().
            "$argon2id$v=19$m=65536,t=4,p=1$cGlaOG4xcDU1QkZiVGtuMg$YoYCC5jQDyFuTYDFIg9CTTGXcC9RsMhRv42djOZWYA0",
            "$argon2i$v=19$m=65536,t=4,p=1$U3JvRlBPUzA2TktBOTIzUg$ufpPrhFHv9aiUw4hi6N1QDQC6OvbE9upOYLLjOKL9nY",
        ] {
            assert_eq!(matches(b"secret", text), Ok(true), "{text}");
            assert_eq!(matches(b"Secret", text), Ok(false), "{text}");
        }
    }

    #[test]
    fn a_hash_that_would_take_the_machine_is_refused_unread() {
        const TAIL: &str = "$Hat6ENmxwHW9pfaUZr8ucg$b56jurpcGFu71yD2ZCSwYAc2hbM00Lg3WR10BuQZ4lY";
        for (params, expected) in [
            ("$argon2id$v=19$m=4194304,t=1,p=1", MalformedHash::Argon2Cost),
            ("$argon2id$v=19$m=65536,t=4000000,p=1", MalformedHash::Argon2Cost),
            ("$argon2id$v=19$m=65536,t=3,p=64", MalformedHash::Argon2Cost),
            ("$argon2id$v=19$m=64,t=1,p=1", MalformedHash::Argon2Cost),
            ("$argon2id$v=7$m=65536,t=3,p=4", MalformedHash::Argon2Shape),
            ("$argon2id$m=x", MalformedHash::Argon2Shape),
        ] {
            assert_eq!(check(&format!("{params}{TAIL}")), Err(expected), "{params}");
        }
        assert_eq!(check("$argon2id$v=19$m=65536,t=3,p=4"), Err(MalformedHash::Argon2Shape));
    }
}
