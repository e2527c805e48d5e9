//! Calls whose nonce was not taken are made again.

/// Runs the call again while the authority does not take the nonce. The library does so itself, three times over; an
/// authority of several machines that share nothing refuses more of them.
macro_rules! with_fresh_nonces {
    ($call:expr) => {{
        let mut tries: u8 = 5;
        loop {
            match $call.await {
                Err(error) if tries > 1 && $crate::tls::acme::error::wants_a_nonce(&error) => tries -= 1,
                done => break done,
            }
        }
    }};
}

pub(super) use with_fresh_nonces;
