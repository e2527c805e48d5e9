//! `[tunnel]`: how packets are carried. What the tunnel serves is policy, and in the database.

use crate::config::setting::choice;

section! {
    /// How packets are carried.
    pub struct Tunnel("tunnel") {
        /// `auto` takes the kernel's WireGuard where it is, else the one of this process; or `kernel`, `userspace`, `off`.
        pub backend: Backend = Backend::Auto;
    }
}

choice! {
    /// Who runs WireGuard.
    pub enum Backend {
        /// The kernel where it can, else this process.
        Auto = "auto",
        /// The kernel, or nothing.
        Kernel = "kernel",
        /// This process, through a TUN device.
        Userspace = "userspace",
        /// Nobody: devices are kept, but no packet is carried.
        Off = "off",
    }
}
