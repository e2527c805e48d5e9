//! The firewall as the kernel has it, with `nft` as witness.
