//! Whether somebody keeps the kernel's clock right.
#![expect(unsafe_code, reason = "adjtimex has no safe wrapper in the standard library")]

use std::io;
use std::mem::MaybeUninit;

/// Whether the kernel takes its clock for synchronised, as adjtimex(2) tells: false until a time service has set it,
/// and again when that service has been silent for long.
///
/// # Errors
/// When the kernel does not say, as in some containers.
pub fn is_synchronised() -> io::Result<bool> {
    let mut state = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the pointer is to a whole `timex` that outlives the call; with `modes` zero the kernel only writes to it.
    let answer = unsafe { libc::adjtimex(state.as_mut_ptr()) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `timex` is integers only, for which all bits zero is a value; the kernel has overwritten them.
    let state = unsafe { state.assume_init() };
    Ok(state.status & libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    use super::is_synchronised;

    #[test]
    fn the_kernel_can_be_asked_without_privileges() {
        assert!(is_synchronised().is_ok());
    }
}
